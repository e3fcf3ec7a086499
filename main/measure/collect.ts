/**
 * Runs a model over samples and keeps its answers.
 *
 * Batch: the model's own where its inputs fix it (the last batch is filled up with its last sample, the surplus thrown
 * away), else up to 32 samples, fewer when they are large. When an output does not have the batch as its first axis,
 * or its size differs between samples, the samples are run one at a time.
 */
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Batch } from '../data/dataset'
import type { TaskContext } from '../jobs/context'
import { asLanguage, collectLanguage } from '../language/collect'
import { openSession, type Session } from '../runtime/session'
import { elementCount, type Tensor, toNumbers } from '../runtime/tensor'
import { sampleRuns } from './batches'
import type { CollectRequest } from './collect-request'
import { fixedBatch } from './inputs'
import { type StoredOutput, type StoredOutputs, VALUES_PER_OUTPUT, VALUES_PER_SAMPLE } from './outputs'

const BATCH = 32
/** Input values in one batch: 64 MB of float32. */
const BATCH_VALUES = 2 ** 24

/**
 * Answers of the model to the samples. Holds one batch and the stored values, whatever the size of the dataset.
 * Throws `bad-data` without samples, `cancelled` between batches, and what session and dataset throw.
 */
export async function collectOutputs(request: CollectRequest, context: TaskContext): Promise<StoredOutputs> {
  const { dataset, split } = request
  const indices = Uint32Array.from(request.indices ?? dataset.indices(split))
  if (indices.length === 0) {
    throw new BantamError('bad-data', `There are no samples in the split ${split}.`, {
      where: dataset.summary.spec.source,
      action: 'Choose another split, or other shares for the splits.',
    })
  }
  const session = await openSession(request.model, {
    device: request.device ?? 'cpu',
    ...(request.threads ? { threads: request.threads } : {}),
  })
  try {
    const language = await asLanguage(session, dataset)
    if (language) return await collectLanguage(session, language, request, indices, context)
    const fixed = fixedBatch(session.inputs)
    const size = fixed ?? freeBatch(dataset.summary.inputs)
    const several = await runAll(session, request, indices, size, fixed !== null, context)
    const result = several ?? (await runAll(session, request, indices, 1, false, context))
    if (result) return result
    throw new BantamError(
      'unsupported',
      `The model takes ${size} samples at a time, but its outputs cannot be told apart by sample.`,
    )
  } finally {
    await session.close()
  }
}

/** @param inputs what one sample feeds, without the batch axis */
function freeBatch(inputs: readonly TensorInfo[]): number {
  const values = inputs.reduce(
    (sum, i) => sum + elementCount(i.shape.map(d => (typeof d === 'number' ? d : 1))),
    0,
  )
  return Math.max(1, Math.min(BATCH, Math.floor(BATCH_VALUES / Math.max(1, values))))
}

/** Null when the answers of a batch cannot be told apart by sample and a smaller batch may help. */
async function runAll(
  session: Session,
  request: CollectRequest,
  indices: Uint32Array,
  size: number,
  fill: boolean,
  context: TaskContext,
): Promise<StoredOutputs | null> {
  const { dataset, hash, split } = request
  const { spec, task, classes } = dataset.summary
  const labels = task === 'none' ? null : new Float64Array(indices.length)
  let kept: StoredOutput[] | undefined
  const about = { size, fill, unit: 'samples' }
  for await (const { batch, rows, samples, start } of sampleRuns(dataset, indices, about, context)) {
    const answers = await session.run(batch.feeds)
    if (rows > 1 && !splitsBySample(answers, rows)) return null
    kept ??= prepare(session, answers, rows, indices.length, task, classes.length)
    if (!keep(kept, answers, start, samples.length, rows)) return null
    keepLabels(labels, batch, start, samples.length)
  }
  const outputs = kept ?? []
  const main = mainName(outputs, task, classes.length)
  const data = { hash: dataset.summary.hash, source: spec.source, split }
  return { model: hash, data, task, main, indices, labels, outputs }
}

function splitsBySample(answers: Record<string, Tensor>, count: number): boolean {
  return Object.values(answers).every(t => t.dims[0] === count)
}

function keepLabels(labels: Float64Array | null, batch: Batch, start: number, count: number): void {
  if (!labels) return
  if (!batch.labels)
    throw new BantamError('bad-data', `Sample ${start} has no label, though the dataset has a task.`)
  labels.set(batch.labels.subarray(0, count), start)
}

/** Makes room for every numeric output, from the first answers. */
function prepare(
  session: Session,
  answers: Record<string, Tensor>,
  asked: number,
  count: number,
  task: StoredOutputs['task'],
  classes: number,
): StoredOutput[] {
  const found = session.outputs.flatMap((info): StoredOutput[] => {
    const tensor = answers[info.name]
    if (!tensor || tensor.type === 'string') return []
    const shape = tensor.dims[0] === asked ? tensor.dims.slice(1) : tensor.dims
    const size = elementCount(shape)
    return [{ name: info.name, type: tensor.type, shape, size, width: size, values: new Float32Array() }]
  })
  const main = mainName(found, task, classes)
  return found.map(output => {
    const room = Math.floor(VALUES_PER_OUTPUT / count)
    const isMain = output.name === main
    if (isMain && output.size > room) {
      throw new BantamError(
        'unsupported',
        `${count} samples with ${output.size} scores each are more than can be kept.`,
        {
          action: `Evaluate fewer samples, for example the range #0:${room > 0 ? Math.floor(VALUES_PER_OUTPUT / output.size) : 1000}.`,
        },
      )
    }
    const width = isMain ? output.size : Math.min(output.size, VALUES_PER_SAMPLE, room)
    return { ...output, width, values: new Float32Array(count * width) }
  })
}

/** Stores the first `count` samples of a batch; false when a size is not that of the first batch. */
function keep(
  kept: StoredOutput[],
  answers: Record<string, Tensor>,
  start: number,
  count: number,
  asked: number,
): boolean {
  for (const output of kept) {
    const tensor = answers[output.name]
    if (!tensor) continue
    const values = toNumbers(tensor)
    const { size, width } = output
    if (values.length !== size * asked) {
      if (asked > 1) return false
      // Run one by one, a sample of another size has no values that correspond: it is kept as "not a number".
      output.values.fill(Number.NaN, start * width, (start + 1) * width)
      continue
    }
    for (let s = 0; s < count; s++) {
      const to = (start + s) * width
      if (width === size) output.values.set(values.subarray(s * size, (s + 1) * size), to)
      else
        for (let j = 0; j < width; j++)
          output.values[to + j] = values[s * size + Math.floor((j * size) / width)] ?? 0
    }
  }
  return true
}

/**
 * The output that answers the task. Classification: the first with one floating-point score per class; else, of two
 * classes, the first with a single floating-point value; else the first with a single integer (the class itself); else
 * the first vector with more scores than there are classes. Regression: the first with a single value. Otherwise the
 * first output.
 */
export function mainName(
  outputs: readonly Pick<StoredOutput, 'name' | 'type' | 'size' | 'shape'>[],
  task: StoredOutputs['task'],
  classes: number,
): string | null {
  const isFloat = (type: string) => type.startsWith('float')
  if (task === 'none' || task === 'language') return outputs[0]?.name ?? null
  if (task === 'regression') return outputs.find(o => o.size === 1)?.name ?? null
  const rules = [
    (o: (typeof outputs)[number]) => isFloat(o.type) && o.size === classes && classes > 1,
    (o: (typeof outputs)[number]) => isFloat(o.type) && o.size === 1 && classes === 2,
    (o: (typeof outputs)[number]) => !isFloat(o.type) && o.size === 1,
    (o: (typeof outputs)[number]) =>
      isFloat(o.type) && o.size > classes && o.shape.filter(d => d !== 1).length === 1,
  ]
  for (const rule of rules) {
    const found = outputs.find(rule)
    if (found) return found.name
  }
  return null
}
