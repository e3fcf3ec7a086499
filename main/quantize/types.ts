/** Element types of values that ONNX Runtime gives no shape for, and so no type either. */
import type { TensorInfo } from '../../shared/domain'
import { inferTypes } from '../onnx/infer'
import { type Model, normalDomain } from '../onnx/model'

/** Operators of ai.onnx whose first output has the element type of their first input. */
const PRESERVING: ReadonlySet<string> = new Set(
  `Abs Add AveragePool Clip Concat Conv ConvTranspose CumSum DepthToSpace Div Einsum Elu Erf Exp Expand Flatten Floor
   Ceil Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity
   InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax MatMul Max MaxPool Min Mish Mul Neg PRelu Pad Pow
   Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Resize Selu Sigmoid Sign Slice Softmax Softplus
   SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze`
    .split(/\s+/)
    .filter(op => op !== ''),
)

/**
 * `inferTypes`, and the element type of what is left where it follows from the operator. Such values have no shape:
 * theirs is empty.
 */
export async function elementTypes(model: Model): Promise<Map<string, TensorInfo>> {
  const types = new Map(await inferTypes(model))
  for (const node of model.graph.topological()) {
    if (normalDomain(node.domain) !== '' || !PRESERVING.has(node.opType)) continue
    const type = types.get(node.input[0] ?? '')?.type
    for (const name of node.output) {
      if (type !== undefined && name !== '' && !types.has(name)) types.set(name, { name, type, shape: [] })
    }
  }
  return types
}
