/** Which nodes can compute in float16, and which weights can be stored in bfloat16. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import type { TensorInfo } from '../../../shared/domain'
import { type Model, normalDomain } from '../../onnx/model'
import { dataTypeName, tensorCount } from '../../onnx/tensor'
import { floatValues } from '../weights'

/** Largest finite float16. */
export const LARGEST_HALF = 65504
/** Largest finite bfloat16. */
const LARGEST_BFLOAT = 3.3895313892515355e38
/** Constants with fewer values stay: they save nothing, and shapes may be inferred from them. */
const LEAST_STORED = 256

/** Operators of ai.onnx whose float inputs and outputs may all be float16. Everything else stays in float32. */
const HALF_OPERATORS: ReadonlySet<string> = new Set(
  `Abs Add ArgMax ArgMin AveragePool Clip Concat Conv ConvTranspose CumSum DepthToSpace Div Einsum Elu Erf Exp Expand
   Flatten Floor Ceil Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish
   InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Min Mul Neg Pad PRelu Pow
   Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Selu Sigmoid Sign Slice Softmax Softplus
   SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze Where Gelu Mish Equal Greater Less
   GreaterOrEqual LessOrEqual Identity Shape Size`
    .split(/\s+/)
    .filter(op => op !== ''),
)

/** What a person chose to keep in float32. */
export interface Kept {
  exclude: ReadonlySet<NodeProto>
  operators: ReadonlySet<string>
}

/** True for a node that reads or makes a float32 value, or holds subgraphs that may. */
export function touchesFloat(node: NodeProto, types: Map<string, TensorInfo>): boolean {
  return (
    holdsSubgraph(node) || [...node.input, ...node.output].some(name => types.get(name)?.type === 'float32')
  )
}

function holdsSubgraph(node: NodeProto): boolean {
  return node.attribute.some(a => a.g !== undefined || a.graphs.length > 0)
}

function chosenToStay(node: NodeProto, { exclude, operators }: Kept): string | null {
  if (exclude.has(node)) return 'excluded'
  return operators.has(node.opType) ? `${node.opType} is chosen to stay` : null
}

/** Why a node cannot compute in float16, as a clause; null when it can. */
export function halfRefusal(
  model: Model,
  node: NodeProto,
  kept: Kept,
  types: Map<string, TensorInfo>,
): string | null {
  const chosen = chosenToStay(node, kept)
  if (chosen) return chosen
  if (holdsSubgraph(node)) return 'it holds subgraphs, and nodes inside subgraphs are left alone'
  if (normalDomain(node.domain) !== '') return `nothing is known of float16 in ${node.domain}`
  if (!HALF_OPERATORS.has(node.opType)) return `${node.opType} is not known to take float16`
  const unknown = [...node.input, ...node.output].find(name => name !== '' && !types.has(name))
  if (unknown) return `the type of ${unknown} cannot be told`
  for (const name of node.input) {
    const tensor = model.graph.initializer(name)
    if (!tensor || dataTypeName(tensor.dataType) !== 'float32') continue
    const large = beyond(floatValues(tensor, model.directory), LARGEST_HALF)
    if (large !== undefined) return `its constant ${name} holds ${large}, beyond float16's ${LARGEST_HALF}`
  }
  return null
}

/** A value whose magnitude is larger; the comparison is false for NaN, which half precision has too. */
function beyond(values: Float32Array, largest: number): number | undefined {
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i] as number) > largest) return values[i]
  return undefined
}

/** Operators that need their constants as constants: a Cast before them would be in the way of kernels. */
const CONSTANTS_NEEDED = new Set(['QuantizeLinear', 'DequantizeLinear', 'Resize', 'Upsample'])

/** Input positions of a node's float32 constants that are worth storing in bfloat16. */
export function storedInputs({ graph }: Model, node: NodeProto): number[] {
  if (normalDomain(node.domain) !== '' || CONSTANTS_NEEDED.has(node.opType)) return []
  return node.input.flatMap((name, i) => {
    const tensor: TensorProto | undefined = graph.initializer(name)
    const fits = tensor && dataTypeName(tensor.dataType) === 'float32' && tensorCount(tensor) >= LEAST_STORED
    return fits && !graph.isInput(name) && !graph.isOutput(name) ? [i] : []
  })
}

/** Why the constants of a node stay in float32, as a clause; null when they can be stored in bfloat16. */
export function bfloatRefusal(model: Model, node: NodeProto, kept: Kept): string | null {
  const chosen = chosenToStay(node, kept)
  if (chosen) return chosen
  for (const i of storedInputs(model, node)) {
    const tensor = model.graph.initializer(node.input[i] ?? '')
    const large = tensor && beyond(floatValues(tensor, model.directory), LARGEST_BFLOAT)
    if (large !== undefined) return `its constant ${node.input[i]} holds ${large}, beyond bfloat16`
  }
  return null
}
