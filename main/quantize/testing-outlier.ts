/** What tests of choices per layer share: a network of which one value breaks in 8 bits, and data for it. */
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import type { Tensor } from '../runtime/tensor'
import { arrayDataset, normals } from './testing'

/** So much larger than the others is one channel of the value between the first two convolutions, which nothing reads. */
const OUTLIER = 100

/** Three convolutions and a Gemm, of which the value between the first two does not fit 8 bits. */
export function network(opset = 17): Model {
  const outlier = (c: number) => (c === 3 ? OUTLIER : 1)
  const w0 = normals(16 * 27, 1, 0.3).map((v, i) => v * outlier(Math.floor(i / 27)))
  const b0 = normals(16, 2, 0.3).map((v, c) => v * outlier(c))
  const w1 = normals(16 * 16 * 9, 3, 0.3).map((v, i) => (Math.floor(i / 9) % 16 === 3 ? 0 : v))
  const pads = { pads: [1n, 1n, 1n, 1n] }
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', ['n', 5])],
    nodes: [
      makeNode('Conv', ['x', 'w0', 'b0'], ['c0'], pads, { name: 'first' }),
      makeNode('Relu', ['c0'], ['r0']),
      makeNode('Conv', ['r0', 'w1', 'b1'], ['c1'], pads, { name: 'second' }),
      makeNode('Relu', ['c1'], ['r1']),
      makeNode('Conv', ['r1', 'w2'], ['c2'], pads, { name: 'third' }),
      makeNode('GlobalAveragePool', ['c2'], ['g'], {}, { name: 'pool' }),
      makeNode('Flatten', ['g'], ['f'], { axis: 1n }),
      makeNode('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1n }, { name: 'head' }),
    ],
    initializers: [
      makeTensor('w0', 'float32', [16, 3, 3, 3], w0),
      makeTensor('b0', 'float32', [16], b0),
      makeTensor('w1', 'float32', [16, 16, 3, 3], w1),
      makeTensor('b1', 'float32', [16], normals(16, 4, 0.3)),
      makeTensor('w2', 'float32', [16, 16, 3, 3], normals(2304, 5, 0.3)),
      makeTensor('w3', 'float32', [5, 16], normals(80, 6, 0.3)),
      makeTensor('b3', 'float32', [5], normals(5, 7, 0.3)),
    ],
  })
}

const images = normals(40 * 192, 9)
export const dataset = arrayDataset({ x: { dims: [40, 3, 8, 8], data: images } })
export const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [40, 3, 8, 8], data: images } }
