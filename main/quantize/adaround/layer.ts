/**
 * Layers whose rounding can be learned: a Conv (grouped, depthwise, strided, of any number of axes), Gemm or MatMul with
 * constant weights of its own, the bias behind a MatMul, and the activation function behind both.
 *
 * Every such layer is a matrix product by groups: of rows (patches of what it reads) [groups, rows, inputs] with weights
 * [groups, inputs, outputs].
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { floatAttribute, intAttribute } from '../../onnx/build'
import { type Model, normalDomain } from '../../onnx/model'
import { tensorCount, tensorDims } from '../../onnx/tensor'
import type { StaticDecisions } from '../static/options'
import type { PlannedLayer } from '../static/planned'
import { clipBounds } from '../static/select'
import { floatValues } from '../weights'

export interface RoundedLayer {
  id: string
  node: NodeProto
  /** Name of the weight, as the plan has it. */
  weight: string
  axis: number | null
  groups: number
  /** Spatial sizes of a convolution's kernel. */
  kernel: number[]
  /** Of one group. */
  inputs: number
  outputs: number
  /** Whether the weight lies as [groups, outputs, inputs], else as [inputs, outputs]. */
  byRow: boolean
  /** Gemm's factor of the product. */
  alpha: number
  /** What is added to every output channel. */
  bias: Float32Array | null
  /** The function behind, and the value that it (or the layer itself, where there is none) makes. */
  activation: Activation | null
  result: string
}

export interface Activation {
  node: NodeProto
  /** Of a Relu or Clip. */
  bounds: { min: number; max: number } | null
}

/** Elementwise functions of one input, with attributes alone; Relu and Clip are told by their bounds. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  'LeakyRelu',
  'Elu',
  'Selu',
  'Sigmoid',
  'Tanh',
  'Softplus',
  'HardSigmoid',
  'HardSwish',
  'Gelu',
])

/**
 * The layer of a planned node, or why its rounding is not learned. `model`: the prepared float model; `all`: its planned
 * layers.
 */
export function roundedLayer(
  model: Model,
  all: readonly PlannedLayer[],
  { planned, node }: PlannedLayer,
  decisions: StaticDecisions,
): RoundedLayer | string {
  const name = weightOf({ planned, node })
  const tensor = model.graph.initializer(name)
  if (!tensor) return 'its weights are not in the model'
  if (all.filter(other => weightOf(other) === name).length > 1)
    return 'its weights are shared with another layer'
  const shape = shapeOf(node, tensor)
  if (typeof shape === 'string') return shape
  const axis = decisions.weights.find(w => w.name === name)?.axis ?? null
  return {
    id: planned.id,
    node,
    weight: name,
    axis,
    ...shape,
    ...behind(model, node, shape.groups * shape.outputs),
  }
}

function weightOf({ planned, node }: Pick<PlannedLayer, 'planned' | 'node'>): string {
  return node.input[planned.weight ?? 1] ?? ''
}

function shapeOf(
  node: NodeProto,
  tensor: TensorProto,
): Pick<RoundedLayer, 'groups' | 'kernel' | 'inputs' | 'outputs' | 'byRow' | 'alpha'> | string {
  const dims = tensorDims(tensor)
  const [first = 1, second = 1, ...kernel] = dims
  if (node.opType === 'Conv') {
    const groups = intAttribute(node, 'group', 1)
    const inputs = second * kernel.reduce((product, d) => product * d, 1)
    return { groups, kernel, inputs, outputs: first / groups, byRow: true, alpha: 1 }
  }
  if (dims.length !== 2) return 'its weights are a stack of matrices'
  if (intAttribute(node, 'transA', 0) !== 0) return 'it reads its input transposed'
  const byRow = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0
  const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
  const [inputs, outputs] = byRow ? [second, first] : [first, second]
  return { groups: 1, kernel: [], inputs, outputs, byRow, alpha }
}

function behind(
  model: Model,
  node: NodeProto,
  channels: number,
): Pick<RoundedLayer, 'bias' | 'activation' | 'result'> {
  let bias = node.opType === 'MatMul' ? null : ownBias(model, node, channels)
  let result = node.output[0] ?? ''
  let next = onlyReader(model, result)
  if (node.opType === 'MatMul' && next?.opType === 'Add') {
    const vector = vectorOf(model, next.input.find(name => name !== result) ?? '', channels)
    if (vector) {
      bias = vector
      result = next.output[0] ?? ''
      next = onlyReader(model, result)
    }
  }
  const activation = next ? activationOf(model, next) : null
  if (activation) result = activation.node.output[0] ?? ''
  return { bias, activation, result }
}

function ownBias(model: Model, node: NodeProto, channels: number): Float32Array | null {
  const tensor = model.graph.initializer(node.input[2] ?? '')
  if (!tensor) return null
  const beta = node.opType === 'Gemm' ? floatAttribute(node, 'beta', 1) : 1
  const values = floatValues(tensor, model.directory)
  return Float32Array.from({ length: channels }, (_, c) => beta * (values[values.length === 1 ? 0 : c] ?? 0))
}

function vectorOf(model: Model, name: string, channels: number): Float32Array | null {
  const tensor = model.graph.initializer(name)
  if (!tensor || tensorDims(tensor).at(-1) !== channels || tensorCount(tensor) !== channels) return null
  return floatValues(tensor, model.directory)
}

/** The node that alone reads a value, where nothing else (an output, a subgraph) does. */
function onlyReader({ graph }: Model, value: string): NodeProto | null {
  const [use, ...more] = graph.uses(value)
  if (!use || more.length > 0 || use.index < 0 || graph.isOutput(value)) return null
  return normalDomain(use.node.domain) === '' ? use.node : null
}

function activationOf(model: Model, node: NodeProto): Activation | null {
  if (node.opType === 'Relu' || node.opType === 'Clip') {
    const bounds = clipBounds(model, node)
    return bounds ? { node, bounds } : null
  }
  return FUNCTIONS.has(node.opType) ? { node, bounds: null } : null
}

/** The output channel of an element of the weight. */
export function channelOf({ byRow, inputs, outputs }: RoundedLayer): (index: number) => number {
  return byRow ? index => Math.floor(index / inputs) : index => index % outputs
}
