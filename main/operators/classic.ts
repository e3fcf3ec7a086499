/**
 * Classic machine learning (ai.onnx.ml). Trees compare and add, they multiply nothing. Linear models multiply each of
 * the B samples with every coefficient, support vector machines with every support vector:
 *   macs = B · length(coefficients)   and   macs = B · length(support_vectors) (linear ones: coefficients)
 */
import { attribute } from '../onnx/build'
import type { ClassicOp } from './names'
import { free, fromInputs, type OpRow } from './row'

const linear = fromInputs(
  [0],
  ([x], node) => x && rowsOf(x) * (attribute(node, 'coefficients')?.floats.length ?? 0),
)

const vectorMachine = fromInputs([0], ([x], node) => {
  const vectors = attribute(node, 'support_vectors')?.floats.length ?? 0
  return x && rowsOf(x) * (vectors || (attribute(node, 'coefficients')?.floats.length ?? 0))
})

/** A single row may come without its batch axis. */
function rowsOf(dims: readonly number[]): number {
  return dims.length > 1 ? (dims[0] ?? 1) : 1
}

export const classic = {
  'ai.onnx.ml:ArrayFeatureExtractor': free,
  'ai.onnx.ml:Binarizer': free,
  'ai.onnx.ml:CastMap': free,
  'ai.onnx.ml:CategoryMapper': free,
  'ai.onnx.ml:DictVectorizer': free,
  'ai.onnx.ml:FeatureVectorizer': free,
  'ai.onnx.ml:Imputer': free,
  'ai.onnx.ml:LabelEncoder': free,
  'ai.onnx.ml:LinearClassifier': linear,
  'ai.onnx.ml:LinearRegressor': linear,
  'ai.onnx.ml:Normalizer': free,
  'ai.onnx.ml:OneHotEncoder': free,
  'ai.onnx.ml:SVMClassifier': vectorMachine,
  'ai.onnx.ml:SVMRegressor': vectorMachine,
  'ai.onnx.ml:Scaler': free,
  'ai.onnx.ml:TreeEnsemble': free,
  'ai.onnx.ml:TreeEnsembleClassifier': free,
  'ai.onnx.ml:TreeEnsembleRegressor': free,
  'ai.onnx.ml:ZipMap': free,
} satisfies Record<ClassicOp, OpRow>
