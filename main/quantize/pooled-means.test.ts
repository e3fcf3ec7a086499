import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { inferTypes } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { hasMeans, poolMeans } from './pooled-means'
import { staticInt8 } from './static-int8'
import { arrayDataset, countOperators, fusedOperators, normals, run, sqnr, testContext } from './testing'

const CHANNELS = 8

/** A convolution, the mean of each of its channels, and a layer that reads it; the shape of the convolution beside it. */
function network(opset: number, keeps: boolean, axes = [2n, 3n]): Model {
  const attributes = { keepdims: keeps ? 1n : 0n }
  const mean =
    opset < 18
      ? makeNode('ReduceMean', ['c'], ['m'], { ...attributes, axes }, { name: 'mean' })
      : makeNode('ReduceMean', ['c', 'axes'], ['m'], attributes, { name: 'mean' })
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', null), makeValue('s', 'int64', null)],
    nodes: [
      makeNode('Conv', ['x', 'w0', 'b0'], ['c'], { pads: [1n, 1n, 1n, 1n] }, { name: 'conv' }),
      makeNode('Shape', ['c'], ['s']),
      mean,
      makeNode('Reshape', ['m', 'flat'], ['f']),
      makeNode('Gemm', ['f', 'w1'], ['y'], { transB: 1n }, { name: 'dense' }),
    ],
    initializers: [
      makeTensor('w0', 'float32', [CHANNELS, 3, 3, 3], normals(CHANNELS * 27, 1)),
      makeTensor('b0', 'float32', [CHANNELS], normals(CHANNELS, 2)),
      makeTensor('w1', 'float32', [4, CHANNELS], normals(4 * CHANNELS, 3)),
      makeTensor('axes', 'int64', [2], axes),
      makeTensor('flat', 'int64', [2], [-1n, BigInt(CHANNELS)]),
    ],
  })
}

const x = { dims: [4, 3, 8, 8], data: normals(4 * 192, 4) }
const feeds = { x: { type: 'float32' as const, ...x } }

describe('the mean of every channel', () => {
  it.each([
    [17, true],
    [17, false],
    [18, true],
    [18, false],
  ])('is pooled in operator set %i, axes kept: %s, and runs in 8 bits', async (opset, keeps) => {
    const model = network(opset, keeps)
    const dataset = arrayDataset({ x })
    const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 0, threads: 1 }
    const plan = await staticInt8.plan(input, staticInt8.options.parse({ reduceRange: true }), testContext())
    expect(plan.notes.map(n => n.code)).toContain('pooled-mean')
    const result = await staticInt8.apply(model, plan)
    const kernels = await fusedOperators(result)
    expect(kernels).toMatchObject({
      QuantizeLinear: 1,
      QLinearConv: 1,
      QLinearGlobalAveragePool: 1,
      QGemm: 1,
    })
    // Nothing is made float for its shape.
    expect(kernels.DequantizeLinear).toBeUndefined()
    const [a, b] = [await run(model, feeds), await run(result, feeds)]
    expect(sqnr(a.y?.data as Float32Array, b.y?.data as Float32Array)).toBeGreaterThan(25)
    expect(b.s?.data).toEqual(a.s?.data)
  })

  it('is the same number, and over other axes stays what it is', async () => {
    const model = network(18, false)
    const before = await run(model, feeds)
    expect(hasMeans(model)).toBe(true)
    expect(poolMeans(model, await inferTypes(model))).toBe(1)
    expect(countOperators(model)).toMatchObject({ GlobalAveragePool: 1, Flatten: 1 })
    const after = await run(model, feeds)
    expect(sqnr(before.y?.data as Float32Array, after.y?.data as Float32Array)).toBeGreaterThan(100)
    const other = network(18, true, [1n, 2n])
    expect(poolMeans(other, await inferTypes(other))).toBe(0)
  })
})
