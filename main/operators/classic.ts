/**
 * Classic machine learning (ai.onnx.ml). Trees compare and add, they multiply nothing. Linear models multiply each of
 * the B samples with every coefficient, support vector machines with every support vector:
 *   macs = B · length(coefficients)   and   macs = B · length(support_vectors) (linear ones: coefficients)
 */
import { attribute } from '../onnx/build'
import { unsupported } from './gradient'
import type { ClassicOp } from './names'
import { free, fromInputs, type OpRow, row } from './row'

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
  'ai.onnx.ml:ArrayFeatureExtractor': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:Binarizer': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:CastMap': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:CategoryMapper': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:DictVectorizer': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:FeatureVectorizer': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:Imputer': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:LabelEncoder': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:LinearClassifier': row(
    linear,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:LinearRegressor': row(
    linear,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:Normalizer': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:OneHotEncoder': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:SVMClassifier': row(
    vectorMachine,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:SVMRegressor': row(
    vectorMachine,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:Scaler': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:TreeEnsemble': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:TreeEnsembleClassifier': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:TreeEnsembleRegressor': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
  'ai.onnx.ml:ZipMap': row(
    free,
    unsupported('Classic machine learning operators are not trained by gradients here.'),
  ),
} satisfies Record<ClassicOp, OpRow>
