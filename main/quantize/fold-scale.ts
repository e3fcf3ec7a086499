/**
 * Scales per channel, moved from the inputs of dense layers into their weights without a change of what the network
 * computes: x·W = (x / s)·(s ⊙ W), for one positive s per input channel. The division goes into a constant that makes
 * the channel (of a normalization, a Mul, a bias, a dense layer), or into a Mul of its own where there is none.
 */
import type { NodeProto } from 'onnx-buf'
import { intAttribute, makeNode } from '../onnx/build'
import { describeNode } from '../onnx/graph'
import { type Model, normalDomain } from '../onnx/model'
import { dataTypeName, makeTensor, tensorCount, tensorDims } from '../onnx/tensor'
import { nodeId } from './names'
import { channelAxis, floatValues } from './weights'

/** A constant input of a node whose channels are those of the value, along its first axis or its last. */
interface Part {
  /** First output of the node. */
  node: string
  index: number
  axis: 'first' | 'last'
}

/** Constants that make a value s times smaller, channel by channel of its last axis, once they are divided by s. */
export interface Fold {
  value: string
  channels: number
  parts: Part[]
}

/** Inputs that hold the scale and, if there is one, the shift, of normalizations along the last axis. */
const NORMALIZATIONS = new Map([
  ['LayerNormalization', [1, 2]],
  ['RMSNormalization', [1]],
  ['SimplifiedLayerNormalization', [1]],
  ['SkipLayerNormalization', [2, 3]],
  ['SkipSimplifiedLayerNormalization', [2]],
])
/** f(s·x) = s·f(x) for s > 0, element by element. */
const HOMOGENEOUS = new Set(['Relu', 'LeakyRelu', 'Identity', 'Dropout'])

/**
 * Where the value can be divided by a scale per channel of its last axis; where it cannot, the reason as a clause.
 * `readers`: the nodes that will be given scaled weights; nothing else may read the value.
 */
export function findFold(
  model: Model,
  value: string,
  channels: number,
  readers: ReadonlySet<NodeProto>,
): Fold | string {
  const parts = partsOf(model, value, channels, node => readers.has(node))
  return typeof parts === 'string' ? parts : { value, channels, parts }
}

function partsOf(
  model: Model,
  value: string,
  channels: number,
  expected: (reader: NodeProto) => boolean,
): Part[] | string {
  const { graph } = model
  if (graph.isOutput(value)) return 'its input is an output of the model too'
  const other = graph.uses(value).find(use => use.index < 0 || !expected(use.node))
  if (other) return `${describeNode(other.node)} reads its input too`
  const node = graph.producer(value)
  if (!node) return 'its input comes from outside'
  const cannot = `${describeNode(node)} before it has no constant per channel`
  if (node.output[0] !== value) return cannot
  const normalization = NORMALIZATIONS.get(node.opType)
  if (normalization) {
    if (node.opType === 'LayerNormalization' || node.opType === 'RMSNormalization') {
      if (intAttribute(node, 'axis', -1) !== -1) return cannot
    }
    const present = normalization.filter(index => (node.input[index] ?? '') !== '')
    const parts = present.map(index => constant(model, node, index, channels))
    return parts.every(part => part !== null) ? parts : cannot
  }
  if (normalDomain(node.domain) !== '') return cannot
  const back = (input: string) => partsOf(model, input, channels, reader => reader === node)
  if (HOMOGENEOUS.has(node.opType)) return back(node.input[0] ?? '')
  if (node.opType === 'Mul') {
    const constants = [0, 1].map(index => constant(model, node, index, channels))
    const known = constants.find(part => part !== null)
    if (known) return [known]
    // Of a product either side may be made smaller; the side that is not an activation comes second as a rule.
    const sides = [node.input[1] ?? '', node.input[0] ?? ''].map(back)
    return sides.find(side => typeof side !== 'string') ?? cannot
  }
  if (node.opType === 'Add') {
    const at = [0, 1].find(index => constant(model, node, index, channels) !== null)
    if (at === undefined) return cannot
    const others = back(node.input[1 - at] ?? '')
    const own = constant(model, node, at, channels)
    return typeof others === 'string' || !own ? others : [...others, own]
  }
  if (node.opType === 'MatMul' || node.opType === 'Gemm') return denseParts(model, node, channels) ?? cannot
  return cannot
}

/** The weights and the bias of a dense layer, which alone reads them. */
function denseParts(model: Model, node: NodeProto, channels: number): Part[] | null {
  const tensor = floatConstant(model, node, 1)
  const axis = channelAxis(node, 2)
  if (!tensor || axis === null || tensor.dims.length !== 2 || tensorDims(tensor)[axis] !== channels)
    return null
  const weight: Part = { node: nodeId(node), index: 1, axis: axis === 0 ? 'first' : 'last' }
  if (node.opType === 'MatMul' || (node.input[2] ?? '') === '') return [weight]
  const bias = constant(model, node, 2, channels)
  return bias ? [weight, bias] : null
}

/** A constant vector of one value per channel, or a single value. */
function constant(model: Model, node: NodeProto, index: number, channels: number): Part | null {
  const tensor = floatConstant(model, node, index)
  if (!tensor) return null
  const count = tensorCount(tensor)
  const fits =
    count === 1 ? tensor.dims.length <= 1 : count === channels && tensorDims(tensor).at(-1) === channels
  return fits ? { node: nodeId(node), index, axis: 'last' } : null
}

function floatConstant({ graph }: Model, node: NodeProto, index: number) {
  const name = node.input[index] ?? ''
  const tensor = graph.initializer(name)
  return tensor && dataTypeName(tensor.dataType) === 'float32' && !graph.isInput(name) ? tensor : null
}

/**
 * Divides a value by one positive scale per channel. Constants that other nodes read too are copied first; the old
 * ones may be left without readers.
 * @param model is edited; it may be another copy of the model that the fold was found in
 */
export function divideFolded(model: Model, { channels, parts }: Fold, scales: ArrayLike<number>): void {
  for (const { node, index, axis } of parts) {
    const found = model.graph.producer(node)
    if (found) rescale(model, found, index, axis, channels, c => 1 / (scales[c] as number))
  }
}

/** Divides what some readers of a value read by one scale per channel, by a Mul of its own. Answers the new value. */
export function divideByMul(
  model: Model,
  value: string,
  readers: ReadonlySet<NodeProto>,
  scales: ArrayLike<number>,
): string {
  const { graph } = model
  const [factor, scaled] = [graph.freshName(`${value}_smoothing`), graph.freshName(`${value}_smoothed`)]
  const inverse = Float32Array.from(scales, s => 1 / s)
  graph.setInitializer(makeTensor(factor, 'float32', [inverse.length], inverse))
  graph.replaceUses(value, scaled, use => readers.has(use.node) && use.index === 0)
  graph.add(makeNode('Mul', [value, factor], [scaled], {}, { name: scaled }))
  return scaled
}

/** Multiplies the weights of a dense layer (MatMul, Gemm) by one scale per input channel. */
export function multiplyInputs(model: Model, node: NodeProto, scales: ArrayLike<number>): void {
  const axis = channelAxis(node, 2) === 0 ? 'last' : 'first'
  rescale(model, node, 1, axis, scales.length, c => scales[c] as number)
}

function rescale(
  model: Model,
  node: NodeProto,
  index: number,
  axis: Part['axis'],
  channels: number,
  factor: (channel: number) => number,
): void {
  const { graph, directory } = model
  const name = node.input[index] ?? ''
  const tensor = graph.initializer(name)
  if (!tensor) return
  const values = floatValues(tensor, directory)
  const single = values.length === 1 && channels > 1
  const run = axis === 'first' ? values.length / channels : 1
  const scaled = Float32Array.from({ length: single ? channels : values.length }, (_, i) => {
    return (values[single ? 0 : i] as number) * factor(Math.floor(i / run) % channels)
  })
  const own = graph.uses(name).length === 1 ? name : graph.freshName(`${name}_scaled`)
  graph.setInitializer(makeTensor(own, 'float32', single ? [channels] : tensorDims(tensor), scaled))
  if (own !== name) graph.setInput(node, index, own)
}
