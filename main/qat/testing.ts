/** What the tests of this folder share. Imported by tests only. */
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { normalTensor } from '../quantize/testing'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'

/** Conv–Relu, Conv–Clip(0, 6), residual Add–Relu, Concat, pools, Flatten, Gemm: every kind of fake quantization. */
export function convolutional(opset = 17): Model {
  const weight = (name: string, dims: number[], seed: number) => normalTensor(name, dims, seed, 0.3)
  const pads = [1n, 1n, 1n, 1n]
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', ['n', 5])],
    nodes: [
      makeNode('Conv', ['x', 'w0', 'b0'], ['c0'], { pads }, { name: 'first' }),
      makeNode('Relu', ['c0'], ['r0']),
      makeNode('Conv', ['r0', 'w1', 'b1'], ['c1'], { pads }, { name: 'second' }),
      makeNode('Clip', ['c1', 'zero', 'six'], ['r1']),
      makeNode('Conv', ['r1', 'w2'], ['c2'], { pads }, { name: 'third' }),
      makeNode('Add', ['c2', 'r0'], ['a']),
      makeNode('Relu', ['a'], ['r2']),
      makeNode('Concat', ['r2', 'r1'], ['cat'], { axis: 1n }),
      makeNode('MaxPool', ['cat'], ['p'], { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
      makeNode('GlobalAveragePool', ['p'], ['g']),
      makeNode('Flatten', ['g'], ['f'], { axis: 1n }),
      makeNode('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1n }, { name: 'head' }),
    ],
    initializers: [
      weight('w0', [8, 3, 3, 3], 1),
      weight('b0', [8], 2),
      weight('w1', [8, 8, 3, 3], 3),
      weight('b1', [8], 4),
      weight('w2', [8, 8, 3, 3], 5),
      weight('w3', [5, 16], 6),
      weight('b3', [5], 7),
      makeTensor('zero', 'float32', [], [0]),
      makeTensor('six', 'float32', [], [6]),
    ],
  })
}

/** Answers as written, QuantizeLinear and DequantizeLinear computed one by one, or by integer kernels. */
export async function answers(
  model: Model,
  feeds: Record<string, Tensor>,
  optimization: 'disabled' | 'all',
): Promise<Float32Array> {
  const session = await openSession(
    serialize(model),
    { threads: 1, optimization },
    model.directory ?? undefined,
  )
  try {
    const [output] = Object.values(await session.run(feeds))
    return output?.data as Float32Array // the nets of these tests answer in float32
  } finally {
    await session.close()
  }
}
