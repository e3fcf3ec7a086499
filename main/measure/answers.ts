/** Answers of many small variants of one model to the same samples, which are read once. */
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { serialize } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'
import { type ElementType, elementCount, type Tensor, toNumbers } from '../runtime/tensor'
import type { SampleSet } from '../technique'
import { batchesOf } from './batches'
import { mainName } from './collect'
import { fixedBatch } from './inputs'

/** Batches are kept in memory up to this size; the rest is read anew for every model. */
const KEPT_BYTES = 256 * 2 ** 20
/** Samples in one run. */
const BATCH = 32

export interface Answers {
  /** One per sample, in their order. */
  rows: (Float32Array | Float64Array)[]
  /** The output they are of, and the shape of the first sample's. */
  name: string
  type: ElementType
  shape: number[]
  /** Whether it is the output that answers the task of the data. */
  main: boolean
}

interface Batch {
  indices: Uint32Array
  feeds: Record<string, Tensor> | null
}

export class Runner {
  private output: Omit<Answers, 'rows'> | undefined
  private bytes = 0

  private constructor(
    private readonly samples: SampleSet,
    private readonly threads: number,
    private batches: Batch[],
  ) {}

  /**
   * Opens the samples and runs the whole model. Throws `unsupported` for a model of which no output is made of numbers or
   * can be told apart by sample, `cancelled` between runs, and what reading and running throw.
   */
  static async open(
    model: Model,
    samples: SampleSet,
    threads: number,
    context: TaskContext,
  ): Promise<{ runner: Runner; whole: Answers }> {
    const inputs = modelInputs(model)
    for (const most of [BATCH, 1]) {
      const batches = batchesOf(samples, inputs, { most }).map(indices => ({ indices, feeds: null }))
      const runner = new Runner(samples, threads, batches)
      const whole = await runner.tryRun(model, context)
      if (whole) return { runner, whole }
      if (fixedBatch(inputs) !== null) break
    }
    throw new BantamError('unsupported', 'The outputs of the model cannot be told apart by sample.', {
      action: 'Export the model with a free batch as the first axis of its outputs.',
    })
  }

  /** The output that answers are of, once the whole model was run. */
  get answering(): string {
    return this.output?.name ?? ''
  }

  /**
   * Answers of a variant with the same inputs and outputs. `config`: further settings of its session. Throws as `open`
   * does.
   */
  async run(model: Model, context: TaskContext, config?: Record<string, string>): Promise<Answers> {
    const answers = await this.tryRun(model, context, config)
    if (answers) return answers
    throw new BantamError('internal', 'A variant gives outputs of another shape.')
  }

  /**
   * A runner for variants of the rest of the model: its samples are what `part` makes of these, and those of these that
   * `passed` names. Undefined where they would take more memory than is given to samples.
   */
  async after(part: Model, passed: readonly string[], context: TaskContext): Promise<Runner | undefined> {
    const session = await this.open(part)
    try {
      const batches: Batch[] = []
      let bytes = 0
      for (const batch of this.batches) {
        await breathe(context)
        const given = await this.feedsOf(batch)
        const made = await session.run(given)
        for (const name of passed) {
          const tensor = given[name]
          if (tensor) made[name] = tensor
        }
        bytes += byteLength(made)
        if ((bytes / (batches.length + 1)) * this.batches.length > KEPT_BYTES) return undefined
        batches.push({ indices: batch.indices, feeds: made })
      }
      const rest = new Runner(this.samples, this.threads, batches)
      rest.output = this.output
      return rest
    } finally {
      await session.close()
    }
  }

  private open(model: Model, config: Record<string, string> = {}): Promise<Session> {
    return openSession(serialize(model), { threads: this.threads, config }, model.directory ?? undefined)
  }

  /** Undefined where a batch does not give one answer per sample. */
  private async tryRun(
    model: Model,
    context: TaskContext,
    config?: Record<string, string>,
  ): Promise<Answers | undefined> {
    const session = await this.open(model, config)
    try {
      const rows: Answers['rows'] = []
      for (const [done, batch] of this.batches.entries()) {
        await breathe(context)
        const feeds = await this.feedsOf(batch)
        const results = await session.run(feeds, this.output ? [this.output.name] : undefined)
        const output =
          this.output ??
          this.choose(
            session.outputs.map(o => o.name),
            results,
            batch,
          )
        const tensor = results[output.name]
        const split = tensor && rowsOf(tensor, batch.indices.length)
        if (!split) return undefined
        this.output = output
        rows.push(...split)
        context.progress((done + 1) / this.batches.length, 'Running the model')
      }
      if (!this.output) return undefined
      return { ...this.output, rows: rows.slice(0, this.samples.indices.length) }
    } finally {
      await session.close()
    }
  }

  private async feedsOf(batch: Batch): Promise<Record<string, Tensor>> {
    if (batch.feeds) return batch.feeds
    const { feeds } = await this.samples.dataset.batch(batch.indices)
    const bytes = byteLength(feeds)
    if (this.bytes + bytes <= KEPT_BYTES) {
      batch.feeds = feeds
      this.bytes += bytes
    }
    return feeds
  }

  private choose(
    names: readonly string[],
    results: Record<string, Tensor>,
    { indices }: Batch,
  ): Omit<Answers, 'rows'> {
    const { task, classes } = this.samples.dataset.summary
    const found = names.flatMap(name => {
      const tensor = results[name]
      if (!tensor || tensor.type === 'string') return []
      const shape = tensor.dims[0] === indices.length ? tensor.dims.slice(1) : tensor.dims
      return [{ name, type: tensor.type, shape, size: elementCount(shape) }]
    })
    const answering = mainName(found, task, classes.length)
    const chosen = found.find(output => output.name === answering) ?? found[0]
    if (!chosen)
      throw new BantamError('unsupported', 'The model has no output of numbers to compare by.', {
        where: names.join(', '),
      })
    return {
      name: chosen.name,
      type: chosen.type,
      shape: chosen.shape,
      main: task !== 'none' && chosen.name === answering,
    }
  }
}

/** More than is kept where there are strings. */
function byteLength(feeds: Record<string, Tensor>): number {
  return Object.values(feeds).reduce(
    (sum, { data }) => sum + ('byteLength' in data ? data.byteLength : 2 * KEPT_BYTES),
    0,
  )
}

function rowsOf(tensor: Tensor, count: number): Answers['rows'] | undefined {
  const values = toNumbers(tensor)
  if (count === 1) return [values.slice()]
  if (tensor.dims[0] !== count) return undefined
  const width = values.length / count
  return Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width))
}
