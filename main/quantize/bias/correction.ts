/**
 * Empirical bias correction: rounding moves the mean of what a layer gives, channel by channel; the shift, measured on
 * samples, is taken from the bias.
 *
 *   b_c ← b_c − (E[y_c of the quantized network] − E[y_c of the float network])
 *
 * Layers are corrected in the order of the graph: each is measured with those before it corrected. That takes no sweep
 * per layer: the quantized network corrects itself while it runs (see `prune/statistics/observe.ts`), by the means of
 * all samples so far; a second sweep settles what the first batches told wrongly, a third measures with that held.
 * Paper: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019
 * (arXiv:1906.04721), section 4.2 and its supplement's correction from data.
 */
import type { Note } from '../../../shared/domain'
import { type TaskContext, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import { tensorDims } from '../../onnx/tensor'
import { type Corrected, correcting, observed } from '../../prune/statistics/observe'
import {
  batchesOf,
  type Estimate,
  estimate,
  goOn,
  measureAgain,
  openStatistics,
} from '../../prune/statistics/sweep'
import type { SampleSet } from '../../technique'
import { editableCopy } from '../copy'
import { nodeId } from '../names'
import { insertQdq } from '../qdq'
import type { StaticDecisions } from '../static/options'
import { type PlannedLayer, plannedLayers } from '../static/planned'
import { channelAxis } from '../weights'
import { hasBias, withShiftedBiases } from './shift'

/** A layer to correct, in the float and in the quantized network. */
interface Layer {
  layer: PlannedLayer
  float: Corrected
  quantized: Corrected
}

/**
 * Measures, and answers the decisions with corrected biases and a note. `model`: the prepared float model that the
 * decisions are about. Throws what running models throws, and `bad-data` when a value is not finite.
 */
export async function withCorrectedBiases(
  model: Model,
  decisions: StaticDecisions,
  samples: SampleSet & { threads: number },
  context: TaskContext,
): Promise<{ decisions: StaticDecisions; note: Note }> {
  const quantized = editableCopy(model)
  const layers = layersOf(model, quantized, decisions)
  const estimated = await measure(model, quantized, layers, samples, context)
  const shifts = layers.map(({ layer, float }, i) => {
    const [own, target] = [estimated.own[i]?.mean, estimated.target[i]?.mean]
    const shift = Float64Array.from(
      { length: float.channels },
      (_, c) => (target?.[c] ?? 0) - (own?.[c] ?? 0),
    )
    return { layer, shift }
  })
  const message = `The biases of ${layers.length} layer${layers.length === 1 ? ' were' : 's were'} corrected by how far rounding moves the mean of every channel on calibration samples.`
  return {
    decisions: withShiftedBiases(model, decisions, shifts),
    note: { code: 'bias-corrected', severity: 'info', message },
  }
}

/** Layers in graph order; quantizes the copy. */
function layersOf(model: Model, quantized: Model, decisions: StaticDecisions): Layer[] {
  const copies = new Map(quantized.graph.nodes.map(node => [nodeId(node), node]))
  insertQdq(quantized, decisions)
  return plannedLayers(model, decisions).flatMap(layer => {
    const { node, planned } = layer
    const copy = copies.get(planned.id)
    if (!copy || !hasBias(node)) return []
    const tensor = model.graph.initializer(node.input[planned.weight ?? 1] ?? '')
    const dims = tensor ? tensorDims(tensor) : []
    const channels = dims[channelAxis(node, dims.length) ?? dims.length - 1] ?? 0
    const axis: Corrected['axis'] =
      node.opType === 'Conv' ? { at: 'second', rank: dims.length } : { at: 'last' }
    const site = { kind: 'layer' as const, channels, axis, scale: false }
    return [
      {
        layer,
        float: { ...site, node, value: node.output[0] ?? '' },
        // Where a Relu was absorbed this is still what the layer itself gives, before saturation.
        quantized: { ...site, node: copy, value: copy.output[0] ?? '' },
      },
    ]
  })
}

async function measure(
  model: Model,
  quantized: Model,
  layers: readonly Layer[],
  samples: SampleSet & { threads: number },
  context: TaskContext,
): Promise<Estimate> {
  const { dataset, threads } = samples
  const sites = layers.map(layer => layer.quantized)
  const session = await openStatistics(correcting(quantized, sites), threads, context)
  try {
    const reference = await openStatistics(
      observed(
        model,
        layers.map(layer => layer.float),
      ),
      threads,
      context,
    )
    try {
      const sweep = { pruned: session, sites, batches: batchesOf(session, samples), dataset }
      const chosen = layers.map(() => null)
      const first = await estimate(sweep, { session: reference, chosen }, within(context, 0, 0.5))
      const second = await goOn(sweep, first, within(context, 0.5, 0.75))
      return { own: await measureAgain(sweep, second, within(context, 0.75, 1)), target: second.target }
    } finally {
      await reference.close()
    }
  } finally {
    await session.close()
  }
}
