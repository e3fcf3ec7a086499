/**
 * The two networks that a layer's rounding is learned between, walked through side by side: the float one, and the
 * quantized one, in which layers get their learned codes as the walk goes on.
 */
import { BantamError } from '../../../shared/errors'
import { Random } from '../../data/random'
import { breathe, type TaskContext, within } from '../../jobs/context'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { makeTensor, tensorDims } from '../../onnx/tensor'
import type { SampleSet } from '../../technique'
import type { WeightType } from '../affine'
import { editableCopy } from '../copy'
import { nodeId } from '../names'
import { insertQdq } from '../qdq'
import type { StaticDecisions } from '../static/options'
import { mostSamples } from '../walk/runs'
import { Walk, type WalkRequest } from '../walk/walk'
import type { RoundedLayer } from './layer'
import { Gather, type LayerRows, runsOf } from './rows'

/**
 * Rounding is simulated: kernels for integers would saturate on some processors, and what is learned would hold on those
 * alone.
 */
const SIMULATED = { 'session.disable_quant_qdq': '1' }

export interface NetworksRequest {
  /** The prepared float model that the decisions are about. */
  model: Model
  decisions: StaticDecisions
  samples: SampleSet & { threads: number; seed: number }
}

/** Where a layer is found in the quantized network. */
interface Place {
  /** The value it reads. */
  read: string
  /** The initializer that holds its codes. */
  codes: string
  makes: string
}

export class Networks {
  private at = 0

  private constructor(
    private readonly layers: readonly RoundedLayer[],
    private readonly places: readonly Place[],
    private readonly quantized: Model,
    private readonly seed: number,
    private readonly walks: { float: Walk; quantized: Walk },
  ) {}

  /**
   * Before the first layer. `layers` in the order of the graph. Close it in the end. Throws `bad-data` when there are
   * fewer than two runs' samples, so that none could be held out.
   */
  static async begin(
    { model, decisions, samples }: NetworksRequest,
    layers: readonly RoundedLayer[],
    context: TaskContext,
  ): Promise<Networks> {
    const quantized = editableCopy(model)
    const nodes = new Map(quantized.graph.nodes.map(node => [nodeId(node), node]))
    insertQdq(quantized, decisions)
    const places = layers.map(({ id, node: { input }, weight }): Place => {
      const node = nodes.get(id)
      const maker = quantized.graph.producer(node?.input[input.indexOf(weight)] ?? '')
      const [read, codes, makes] = [node?.input[0], maker?.input[0], node?.output[0]]
      if (read && codes && makes) return { read, codes, makes }
      throw new BantamError('internal', 'The plan names what the model does not have.', { where: id })
    })
    const most = await mostSamples(model, samples.dataset)
    const runs = runsOf(modelInputs(model), samples.indices, most)
    const about: Omit<WalkRequest, 'model'> = { ...samples, runs, config: SIMULATED }
    const read = places.map(({ read, makes }) => ({ values: [read], changes: [makes] }))
    const given = layers.map(({ result }) => ({ values: [result], changes: [] }))
    const walks = {
      float: await Walk.begin({ ...about, model }, given, context),
      quantized: await Walk.begin({ ...about, model: quantized }, read, context),
    }
    return new Networks(layers, places, quantized, samples.seed, walks)
  }

  /** Moves both to the next layer, and draws its rows. Throws what a `Walk` throws, and `bad-data` for NaN. */
  async next(context: TaskContext): Promise<LayerRows> {
    const [layer, place] = [this.layers[this.at], this.places[this.at]]
    if (!layer || !place) throw new BantamError('internal', 'There is no further layer.')
    this.at++
    const { float, quantized } = this.walks
    await quantized.next(within(context, 0, 0.4))
    await float.next(within(context, 0.4, 0.8))
    const gather = new Gather(layer, float.runs.length, new Random(this.seed))
    for (const run of float.runs.keys()) {
      await breathe(context)
      gather.add(await quantized.value(run, place.read), await float.value(run, layer.result))
    }
    return gather.rows()
  }

  /** Gives the layer that it is at other codes, in their order in the model. */
  round(codes: Int8Array | Uint8Array, type: WeightType): void {
    const name = this.places[this.at - 1]?.codes ?? ''
    const tensor = this.quantized.graph.initializer(name)
    if (!tensor)
      throw new BantamError('internal', 'The codes of a layer are not in the model.', { where: name })
    this.quantized.graph.setInitializer(makeTensor(name, type, tensorDims(tensor), codes))
  }

  async close(): Promise<void> {
    await this.walks.float.close()
    await this.walks.quantized.close()
  }
}
