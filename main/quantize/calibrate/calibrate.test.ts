import { expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { inferTypes } from '../../onnx/infer'
import { makeTensor } from '../../onnx/tensor'
import { arrayDataset, normals, testContext } from '../testing'
import { type CalibrationMethod, calibrate } from './calibrate'

const model = makeModel({
  inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
  outputs: [makeValue('y', 'float32', ['n', 4, 8, 8])],
  nodes: [
    makeNode('Conv', ['x', 'w'], ['c'], { pads: [1n, 1n, 1n, 1n] }),
    makeNode('Relu', ['c'], ['r']),
    makeNode('Neg', ['r'], ['y']),
  ],
  initializers: [makeTensor('w', 'float32', [4, 3, 3, 3], normals(108, 1, 0.3))],
})
const dataset = arrayDataset({ x: { dims: [70, 3, 8, 8], data: normals(70 * 192, 5) } })
const request = { model, values: ['x', 'c', 'r'], dataset, indices: dataset.indices('all'), threads: 1 }

test.each<CalibrationMethod>([
  { kind: 'minmax' },
  { kind: 'entropy', bins: 2048 },
  { kind: 'percentile', bins: 2048, percentile: 99 },
  { kind: 'mse', bins: 2048, symmetric: false },
])('$kind: values kept from one pass give the ranges of two passes', async method => {
  const twice = await calibrate({ ...request, method }, testContext())
  const once = await calibrate({ ...request, method, types: await inferTypes(model) }, testContext())
  expect(once).toEqual(twice)
  expect(once.samples).toBe(70)
  const { min, max } = once.ranges.get('r') ?? { min: 1, max: 0 }
  expect(min).toBe(0)
  const all = (await calibrate({ ...request, method: { kind: 'minmax' } }, testContext())).ranges.get('r')
  if (method.kind === 'percentile') expect(max).toBeLessThan(all?.max ?? 0)
  else if (method.kind === 'mse') expect(max).toBeGreaterThan(0.7 * (all?.max ?? 0))
  else expect(max).toBe(all?.max)
  expect(max).toBeLessThanOrEqual(all?.max ?? 0)
})
