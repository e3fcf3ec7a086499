/** Moving the biases of layers by what was found for every output channel. */
import type { NodeProto } from 'onnx-buf'
import { floatAttribute } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { bytesOf } from '../../onnx/tensor'
import type { StaticDecisions } from '../static/options'
import type { PlannedLayer } from '../static/planned'
import { floatValues } from '../weights'

const INT32_MAX = 2147483647

/** Whether a layer has a bias that can be moved: a Gemm whose beta is zero has none. */
export function hasBias(node: NodeProto): boolean {
  return node.opType !== 'Gemm' || floatAttribute(node, 'beta', 1) !== 0
}

/**
 * The decisions with the biases of layers and what is to be added to them, for every output channel. A channel whose
 * bias would not fit 32 bits then keeps its own. A layer without a bias gets one.
 */
export function withShiftedBiases(
  model: Model,
  decisions: StaticDecisions,
  shifts: readonly { layer: PlannedLayer; shift: Float64Array }[],
): StaticDecisions {
  const biases = shifts.map(({ layer, shift }) => ({
    id: layer.planned.id,
    values: encode(shifted(model, layer, shift, decisions)),
  }))
  const found = new Set(biases.map(b => b.id))
  const place = (nodes: StaticDecisions['nodes']) =>
    nodes.map(n => (found.has(n.id) && n.op !== 'MatMul' ? { ...n, bias: 2 } : n))
  const wide = { ...decisions.wide, nodes: place(decisions.wide.nodes) }
  return { ...decisions, nodes: place(decisions.nodes), wide, biases }
}

function shifted(
  model: Model,
  layer: PlannedLayer,
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
function limits(
  { node, planned, wide }: PlannedLayer,
  decisions: StaticDecisions,
): (channel: number) => number {
  if (node.opType === 'MatMul') return () => Number.POSITIVE_INFINITY
  const weight = decisions.weights.find(w => w.name === node.input[planned.weight ?? 1])
  const named = (v: { name: string }) => v.name === node.input[0]
  const input = (wide ? decisions.wide.values.find(named) : undefined) ?? decisions.values.find(named)
  const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
  const scale = INT32_MAX * (input?.scale ?? 0) * Math.abs(alpha)
  return channel => scale * (weight?.scales[weight.scales.length === 1 ? 0 : channel] ?? 0)
}

function encode(values: Float32Array): string {
  return Buffer.from(bytesOf(values)).toString('base64')
}
