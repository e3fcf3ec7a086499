/**
 * Walks a network through once, in the order of its layers, with all samples: at every stop the values wanted there are
 * at hand, layers may then be changed, and the walk goes on from there. What takes one layer after the other in the
 * network as it is so far (GPTQ, AdaRound) thereby takes time linear in the number of layers; run from the inputs
 * again for every layer it is quadratic.
 */
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import { cut, type Edge } from '../../onnx/cut'
import type { Model } from '../../onnx/model'
import type { Tensor } from '../../runtime/tensor'
import type { SampleSet } from '../../technique'
import { openCalibration } from '../calibrate/run'
import { type Held, heldAt, type Stop } from './stops'
import { Values } from './values'

/** Bytes of values that stay in memory; more go to a temporary file. */
const IN_MEMORY = 256 * 2 ** 20

export interface WalkRequest {
  /** May be edited between stops, as the stops say. */
  model: Model
  dataset: SampleSet['dataset']
  /** Samples of every run. */
  runs: readonly Uint32Array[]
  threads: number
  /** Further settings of sessions. */
  config?: Record<string, string>
  /** Bytes of values that stay in memory. */
  bound?: number
}

export class Walk {
  private at = -1
  private readonly values: Values

  private constructor(
    private readonly request: WalkRequest,
    private readonly held: readonly Held[],
    { tempDir }: TaskContext,
  ) {
    this.values = new Values(request.runs.length, request.bound ?? IN_MEMORY, tempDir)
  }

  /** At the inputs of the model, before the first stop. Close it in the end. */
  static async begin(request: WalkRequest, stops: readonly Stop[], context: TaskContext): Promise<Walk> {
    return new Walk(request, await heldAt(request.model, stops), context)
  }

  get runs(): readonly Uint32Array[] {
    return this.request.runs
  }

  /**
   * Runs what lies between here and the next stop. Throws `cancelled` between runs, `no-space` when values fit neither
   * memory nor disk, and what reading samples and running the model throw.
   */
  async next(context: TaskContext): Promise<void> {
    const before = this.held[this.at]
    this.at++
    const { kept, shown } = this.here()
    // What was shown at the last stop alone is stale.
    const from = new Set(before?.kept ?? [])
    for (const run of this.runs.keys()) this.values.retain(run, from)
    const missing = [...kept, ...shown].filter(name => !from.has(name))
    const given = missing.filter(name => this.request.model.graph.isInput(name))
    const made = missing.filter(name => !given.includes(name))
    await this.runSegment(this.edges(from), given, made, context)
  }

  /** A value at this stop, in one run. Throws `internal` for one that the stop does not name. */
  async value(run: number, name: string): Promise<Tensor> {
    const tensor = await this.values.get(run, name)
    if (tensor) return tensor
    throw new BantamError('internal', 'A value is not there at this stop.', { where: name })
  }

  /** Values of this stop as inputs of a model. */
  edges(names: Iterable<string>): Edge[] {
    return [...names].flatMap(name => this.values.edge(name) ?? [])
  }

  async close(): Promise<void> {
    await this.values.close()
  }

  private here(): Held {
    const held = this.held[this.at]
    if (held) return held
    throw new BantamError('internal', 'The walk is at its end.')
  }

  /** Takes `given` from the samples, makes `made` from what is there, and forgets what is not held here. */
  private async runSegment(
    begin: readonly Edge[],
    given: readonly string[],
    made: readonly string[],
    context: TaskContext,
  ): Promise<void> {
    const { model, threads, dataset, runs, config } = this.request
    const { kept, shown } = this.here()
    const here = new Set([...kept, ...shown])
    const part = withoutUnread(cut(model, begin, made))
    const session = made.length > 0 ? await openCalibration(part, threads, context, config) : null
    try {
      const inputs = session?.inputs.map(({ name }) => name) ?? []
      for (const [i, run] of runs.entries()) {
        await breathe(context)
        const sample = [...given, ...inputs].some(name => !this.values.has(i, name))
          ? (await dataset.batch(run)).feeds
          : {}
        const feeds = { ...sample }
        for (const name of inputs) {
          const tensor = await this.values.get(i, name)
          if (tensor) feeds[name] = tensor
        }
        const results = session ? await session.run(feeds, made) : {}
        this.values.retain(i, here)
        for (const name of [...given, ...made]) {
          const tensor = results[name] ?? sample[name]
          if (!tensor) throw new BantamError('bad-data', `The data has nothing for ${name}.`, { where: name })
          await this.values.put(i, name, tensor)
        }
        context.progress((i + 1) / runs.length, 'Running the next layers on samples')
      }
    } finally {
      await session?.close()
    }
  }
}

/** Without inputs that nothing reads, which would have to be fed. */
function withoutUnread(part: Model): Model {
  const { graph } = part
  graph.proto.input = graph.proto.input.filter(
    ({ name }) => graph.uses(name).length > 0 || graph.isOutput(name),
  )
  return part
}
