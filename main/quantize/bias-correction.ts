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
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../shared/domain'
import { type TaskContext, within } from '../jobs/context'
import { floatAttribute } from '../onnx/build'
import type { Model } from '../onnx/model'
import { bytesOf, tensorDims } from '../onnx/tensor'
import { type Corrected, correcting, observed } from '../prune/statistics/observe'
import {
  batchesOf,
  type Estimate,
  estimate,
  goOn,
  measureAgain,
  openStatistics,
} from '../prune/statistics/sweep'
import type { SampleSet } from '../technique'
import { editableCopy } from './copy'
import { nodeId } from './names'
import { insertQdq } from './qdq'
import type { StaticDecisions } from './static-options'
import { channelAxis, floatValues } from './weights'

const INT32_MAX = 2147483647

type PlannedNode = StaticDecisions['nodes'][number]

/** A layer to correct, in the float and in the quantized network. */
interface Layer {
  planned: PlannedNode
  node: NodeProto
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
  const biases = layers.map((layer, i) => {
    const [own, target] = [estimated.own[i]?.mean, estimated.target[i]?.mean]
    const shift = Float64Array.from(
      { length: layer.float.channels },
      (_, c) => (target?.[c] ?? 0) - (own?.[c] ?? 0),
    )
    return { id: layer.planned.id, values: encode(corrected(model, layer, shift, decisions)) }
  })
  const found = new Set(biases.map(b => b.id))
  const nodes = decisions.nodes.map(n => (found.has(n.id) && n.op !== 'MatMul' ? { ...n, bias: 2 } : n))
  const message = `The biases of ${layers.length} layer${layers.length === 1 ? ' were' : 's were'} corrected by how far rounding moves the mean of every channel on calibration samples.`
  return {
    decisions: { ...decisions, nodes, biases },
    note: { code: 'bias-corrected', severity: 'info', message },
  }
}

/** Layers in graph order; quantizes the copy. */
function layersOf(model: Model, quantized: Model, decisions: StaticDecisions): Layer[] {
  const own = new Map(model.graph.nodes.map(node => [nodeId(node), node]))
  const copies = new Map(quantized.graph.nodes.map(node => [nodeId(node), node]))
  const planned = decisions.nodes.filter(n => n.weight !== null)
  insertQdq(quantized, decisions)
  return planned.flatMap(planned => {
    const [node, copy] = [own.get(planned.id), copies.get(planned.id)]
    if (!node || !copy || (node.opType === 'Gemm' && floatAttribute(node, 'beta', 1) === 0)) return []
    const tensor = model.graph.initializer(node.input[planned.weight ?? 1] ?? '')
    const dims = tensor ? tensorDims(tensor) : []
    const channels = dims[channelAxis(node, dims.length) ?? dims.length - 1] ?? 0
    const axis: Corrected['axis'] =
      node.opType === 'Conv' ? { at: 'second', rank: dims.length } : { at: 'last' }
    const site = { kind: 'layer' as const, channels, axis, scale: false }
    return [
      {
        planned,
        node,
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

/** The layer's bias and the shift. A channel whose bias would not fit 32 bits then keeps its own. */
function corrected(
  model: Model,
  layer: Layer,
  shift: Float64Array,
  decisions: StaticDecisions,
): Float32Array {
  const { node } = layer
  const beta = node.opType === 'Gemm' ? floatAttribute(node, 'beta', 1) : 1
  const name = node.opType === 'MatMul' ? '' : (node.input[2] ?? '')
  const tensor = model.graph.initializer(name)
  const old = tensor ? floatValues(tensor, model.directory) : Float32Array.of(0)
  const limit = limits(layer, decisions)
  return Float32Array.from(shift, (s, c) => {
    const before = old[old.length === 1 ? 0 : c] ?? 0
    const after = before + s / beta
    return Math.abs(after * beta) <= limit(c) ? after : before
  })
}

/** Largest bias of a channel that has an int32 code. */
function limits({ node, planned }: Layer, decisions: StaticDecisions): (channel: number) => number {
  if (node.opType === 'MatMul') return () => Number.POSITIVE_INFINITY
  const weight = decisions.weights.find(w => w.name === node.input[planned.weight ?? 1])
  const input = decisions.values.find(v => v.name === node.input[0])
  const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
  const scale = INT32_MAX * (input?.scale ?? 0) * Math.abs(alpha)
  return channel => scale * (weight?.scales[weight.scales.length === 1 ? 0 : channel] ?? 0)
}

function encode(values: Float32Array): string {
  return Buffer.from(bytesOf(values)).toString('base64')
}
