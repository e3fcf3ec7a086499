/** A model as it is trained, and as it comes out. */
import { BantamError } from '../../shared/errors'
import { untieNormalization } from '../autodiff/untie'
import { copyModel } from '../onnx/copy'
import { Model } from '../onnx/model'
import { liftConstants } from '../onnx/passes/lift-constants'
import { makeTensor, tensorDims } from '../onnx/tensor'
import { operatorKey } from '../operators'

const QUANTIZED = /^(QLinear|Quantize|Dequantize|DynamicQuantize)|Integer$|NBits$/

/**
 * A copy whose weights all are initializers, each layer's statistics its own. Throws `unsupported` for a quantized
 * model: it is the float model that is trained.
 */
export async function trainableNet(model: Model): Promise<Model> {
  const node = model.graph.nodes.find(n => QUANTIZED.test(n.opType))
  if (node) {
    throw new BantamError('unsupported', 'The model is quantized, and integers cannot be trained.', {
      where: operatorKey(node.opType, node.domain),
      action: 'Train the float model, and quantize the result.',
    })
  }
  return untieNormalization((await liftConstants.run(copyModel(model))).model)
}

/** A copy of a net with new values of some initializers, float32, in their shapes. */
export function withWeights(net: Model, values: ReadonlyMap<string, Float32Array>): Model {
  const copy = copyModel(net)
  for (const [name, data] of values) {
    const tensor = copy.graph.initializer(name)
    if (tensor) copy.graph.setInitializer(makeTensor(name, 'float32', tensorDims(tensor), data))
  }
  return new Model(copy.proto, copy.directory)
}
