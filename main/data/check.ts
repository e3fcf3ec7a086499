/** Reading a whole dataset once, to know before any work that every sample can be used. */
import { createHash } from 'node:crypto'
import type { Note, TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatShare } from '../../shared/format'
import { breathe, type TaskContext } from '../jobs/context'
import type { Tensor } from '../runtime/tensor'
import type { Batch, Dataset } from './dataset'

export interface DataCheck {
  /** Samples read, all of them usable. */
  count: number
  /** Samples per class as read, in the order of the summary's classes. */
  classCounts: number[]
  /** Samples that occur more than once, and those of train or calibration that also occur in test. */
  duplicates: number
  leaked: number
  notes: Note[]
}

const BATCH = 64
/** Faults quoted in the message. */
const QUOTED = 3

/**
 * Reads every sample once, streaming. `modelInputs` are those the dataset was opened with.
 * Throws `bad-data` with the number of samples that cannot be used and the first few reasons: unreadable files, values
 * that are not finite or do not fit the type, labels outside the classes, samples of another shape. Notes tell of
 * samples that are in the test split and also, equal in every value the model sees, in train or calibration.
 * Memory: 8 bytes per sample.
 */
export async function checkDataset(
  dataset: Dataset,
  modelInputs: TensorInfo[],
  context: TaskContext,
): Promise<DataCheck> {
  const { count, classes, task } = dataset.summary
  if (count === 0) throw new BantamError('bad-data', 'The data holds no samples.')
  const prints = new BigUint64Array(count)
  const classCounts = classes.map(() => 0)
  const faults: BantamError[] = []
  let faulty = 0
  let cut = 0
  const texts = textInputs(dataset)
  const take = (first: number, batch: Batch, length: number) => {
    for (let i = 0; i < length; i++) {
      const tokens = dataset.tokens?.(first + i)
      if (tokens && tokens.length > tokens.fed) cut++
      prints[first + i] = fingerprint(batch.feeds, i, length, texts, tokens?.print)
      const fault = sampleFault(batch, i, length, first + i, dataset, modelInputs)
      const label = batch.labels?.[i]
      if (fault) {
        faulty++
        if (faults.length < QUOTED) faults.push(fault)
      } else if (task === 'classification' && label !== undefined) {
        classCounts[label] = (classCounts[label] ?? 0) + 1
      }
    }
  }
  for (let first = 0; first < count; first += BATCH) {
    const length = Math.min(BATCH, count - first)
    try {
      take(first, await dataset.batch(run(first, length)), length)
    } catch (error) {
      if (!isFault(error)) throw error
      // One of them cannot be read: find out which, one by one.
      for (let i = first; i < first + length; i++) {
        try {
          take(i, await dataset.batch([i]), 1)
        } catch (single) {
          if (!isFault(single)) throw single
          faulty++
          if (faults.length < QUOTED) faults.push(single)
        }
      }
    }
    context.progress((first + length) / count, `Checking sample ${first + length} of ${count}`)
    await breathe(context)
  }
  if (faulty > 0) throw faultError(faults, faulty, count, dataset.summary.spec.source)
  const found = compareSplits(prints, dataset)
  return { count, classCounts, ...found, notes: [...cutNotes(cut, count, dataset), ...found.notes] }
}

/** Inputs whose padding depends on the batch: they are known by their tokens. */
function textInputs({ summary }: Dataset): Set<string> {
  const { preprocessing } = summary.spec
  return new Set(preprocessing?.kind === 'text' ? Object.keys(preprocessing.roles) : [])
}

function cutNotes(cut: number, count: number, { summary }: Dataset): Note[] {
  const { preprocessing } = summary.spec
  if (cut === 0 || preprocessing?.kind !== 'text') return []
  const share = formatShare(cut / count, 0)
  return [
    {
      code: 'texts-cut',
      severity: 'info',
      message: `${cut} of ${count} texts (${share}) are longer than the ${preprocessing.maxLength} tokens the model sees.`,
    },
  ]
}

function isFault(error: unknown): error is BantamError {
  return error instanceof BantamError && (error.code === 'bad-data' || error.code === 'bad-file')
}

function run(first: number, length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => first + i)
}

function faultError(
  faults: readonly BantamError[],
  faulty: number,
  count: number,
  where: string,
): BantamError {
  const [first] = faults
  if (faulty === 1 && first) return first
  const quoted = faults.map(f => f.message).join(' ')
  const more = faulty > faults.length ? ` And ${faulty - faults.length} more.` : ''
  return new BantamError('bad-data', `${faulty} of ${count} samples cannot be used. ${quoted}${more}`, {
    where,
    action: first?.action ?? 'Repair them or take them out.',
  })
}

/** What is wrong with a sample that could be read. */
function sampleFault(
  batch: Batch,
  i: number,
  length: number,
  index: number,
  dataset: Dataset,
  modelInputs: readonly TensorInfo[],
): BantamError | undefined {
  const { task, classes } = dataset.summary
  for (const input of modelInputs) {
    const tensor = batch.feeds[input.name]
    if (!tensor)
      return new BantamError('bad-data', `Sample ${index} feeds nothing to the model's input ${input.name}.`)
    const perSample = tensor.dims[0] === length && input.shape.length > 0
    const fits = perSample && tensor.dims.length === input.shape.length
    const wrong =
      fits && input.shape.slice(1).some((d, k) => typeof d === 'number' && d > 0 && d !== tensor.dims[k + 1])
    if (perSample && (!fits || wrong)) {
      const has = tensor.dims.slice(1).join(', ')
      const wants = input.shape.slice(1).join(', ')
      return new BantamError(
        'bad-data',
        `Sample ${index} has shape [${has}]; the model's input ${input.name} wants [${wants}].`,
      )
    }
    const at = nonFinite(tensor, perSample ? i : 0, perSample ? length : 1)
    if (at >= 0)
      return new BantamError(
        'bad-data',
        `Sample ${index}: value ${at} of ${input.name} is not finite after preprocessing.`,
      )
  }
  if (task === 'none') return undefined
  const label = batch.labels?.[i]
  if (label === undefined || !Number.isFinite(label))
    return new BantamError('bad-data', `Sample ${index} has no label.`)
  if (task === 'classification' && (!Number.isInteger(label) || label < 0 || label >= classes.length)) {
    return new BantamError(
      'bad-data',
      `Sample ${index} has the label ${label}, which is none of the ${classes.length} classes.`,
    )
  }
  return undefined
}

function sampleValues(tensor: Tensor, i: number, samples: number) {
  const size = tensor.data.length / samples
  return { from: i * size, to: (i + 1) * size }
}

function nonFinite(tensor: Tensor, i: number, samples: number): number {
  const { from, to } = sampleValues(tensor, i, samples)
  const { data } = tensor
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let at = from; at < to; at++) if (!Number.isFinite(data[at])) return at - from
  } else if (tensor.type === 'float16' && data instanceof Uint16Array) {
    for (let at = from; at < to; at++) if (((data[at] ?? 0) & 0x7c00) === 0x7c00) return at - from
  }
  return -1
}

/** 64 bits of SHA-256 over everything the model sees of a sample. */
function fingerprint(
  feeds: Record<string, Tensor>,
  i: number,
  samples: number,
  texts: ReadonlySet<string>,
  print: Uint8Array | undefined,
): bigint {
  const hash = createHash('sha256')
  if (print) hash.update(print)
  for (const [name, { data, dims }] of Object.entries(feeds)) {
    if (texts.has(name) || Array.isArray(data) || dims[0] !== samples) continue
    const bytes = data.byteLength / samples
    hash.update(new Uint8Array(data.buffer, data.byteOffset + i * bytes, bytes))
  }
  return hash.digest().readBigUInt64LE(0)
}

function compareSplits(
  prints: BigUint64Array,
  dataset: Dataset,
): Pick<DataCheck, 'duplicates' | 'leaked' | 'notes'> {
  const sorted = prints.slice().sort()
  let duplicates = 0
  for (let i = 1; i < sorted.length; i++) if (sorted[i] === sorted[i - 1]) duplicates++
  const notes: Note[] = []
  let leaked = 0
  if (duplicates > 0) {
    const test = new Set(Array.from(dataset.indices('test'), i => prints[i]))
    for (const split of ['train', 'calibration'] as const) {
      const shared = dataset.indices(split).filter(i => test.has(prints[i])).length
      leaked += shared
      if (shared === 0) continue
      notes.push({
        code: 'split-leak',
        severity: 'warning',
        message: `${shared} ${shared === 1 ? 'sample' : 'samples'} of the ${split} split ${shared === 1 ? 'is' : 'are'} also in the test split, equal in every value the model sees.`,
        action: 'Take duplicates out of the data: accuracy measured on them is too good.',
      })
    }
    notes.push({
      code: 'duplicates',
      severity: 'info',
      message: `${duplicates} ${duplicates === 1 ? 'sample repeats an earlier one' : 'samples repeat earlier ones'}.`,
    })
  }
  return { duplicates, leaked, notes }
}
