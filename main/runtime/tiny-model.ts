/** The smallest model worth running: y = x + x on one float. Answers whether a device works at all. */
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { serialize } from '../onnx/write'

/** Bytes of a model with input `x` and output `y`, both float32 [1]. */
export function makeTinyModel(): Uint8Array {
  return serialize(
    makeModel({
      nodes: [makeNode('Add', ['x', 'x'], ['y'])],
      inputs: [makeValue('x', 'float32', [1])],
      outputs: [makeValue('y', 'float32', [1])],
      opset: 13,
    }),
  )
}
