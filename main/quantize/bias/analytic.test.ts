import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { inferTypes } from '../../onnx/infer'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { preparedForStatic } from '../prepare'
import { StaticDecisions, StaticOptions } from '../static/options'
import { staticInt8 } from '../static-int8'
import { arrayDataset, normals, run, testContext } from '../testing'
import { expectedMeans } from './means'
import { clippedMean } from './normal'

describe('means of clipped normal variables', () => {
  test.each([
    [0, 1, 0, Number.POSITIVE_INFINITY],
    [0.7, 2, 0, Number.POSITIVE_INFINITY],
    [-3, 0.5, 0, 6],
    [5, 3, 0, 6],
    [1, 2, Number.NEGATIVE_INFINITY, 1.5],
  ])('mean %d, deviation %d, in [%d, %d]', (mean, deviation, low, high) => {
    // The midpoint rule over ten deviations on each side.
    const steps = 20_000
    let sum = 0
    for (let i = 0; i < steps; i++) {
      const z = -10 + (20 * (i + 0.5)) / steps
      const x = Math.min(high, Math.max(low, mean + deviation * z))
      sum += (x * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI)
    }
    expect(clippedMean(mean, deviation, low, high)).toBeCloseTo((sum * 20) / steps, 5)
  })

  test('without deviation it is the mean, clipped', () => {
    expect(clippedMean(-2, 0, 0, 6)).toBe(0)
    expect(clippedMean(2, 0, 0, 6)).toBe(2)
  })
})

const CHANNELS = 16

/** Conv, batch normalization, Relu, two more convolutions, one of them behind another that has no normalization. */
function network(): Model {
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', 12, 6, 6])],
    outputs: [makeValue('y', 'float32', ['n', 5, 6, 6])],
    nodes: [
      makeNode('Conv', ['x', 'w0'], ['c0'], {}, { name: 'first' }),
      makeNode('BatchNormalization', ['c0', 'g', 'b', 'm', 'v'], ['n0']),
      makeNode('Relu', ['n0'], ['r0']),
      makeNode('Conv', ['r0', 'w1'], ['c1'], {}, { name: 'second' }),
      makeNode('Relu', ['c1'], ['r1']),
      makeNode('Conv', ['r1', 'w2', 'b2'], ['y'], {}, { name: 'third' }),
    ],
    initializers: [
      makeTensor('w0', 'float32', [CHANNELS, 12, 1, 1], normals(CHANNELS * 12, 1, 0.3)),
      makeTensor(
        'g',
        'float32',
        [CHANNELS],
        normals(CHANNELS, 2).map(v => 0.3 + Math.abs(v)),
      ),
      makeTensor('b', 'float32', [CHANNELS], normals(CHANNELS, 3, 0.5)),
      makeTensor('m', 'float32', [CHANNELS], new Float32Array(CHANNELS)),
      // The variance of the sums of twelve normal inputs.
      makeTensor(
        'v',
        'float32',
        [CHANNELS],
        Array.from({ length: CHANNELS }, (_, o) =>
          normals(CHANNELS * 12, 1, 0.3)
            .subarray(12 * o, 12 * o + 12)
            .reduce((sum, w) => sum + w * w, 0),
        ),
      ),
      makeTensor('w1', 'float32', [8, CHANNELS, 1, 1], normals(8 * CHANNELS, 5, 0.25)),
      makeTensor('w2', 'float32', [5, 8, 1, 1], normals(40, 6, 0.3)),
      makeTensor('b2', 'float32', [5], normals(5, 7, 0.1)),
    ],
  })
}

const COUNT = 256
const data = normals(COUNT * 432, 9)
const dataset = arrayDataset({ x: { dims: [COUNT, 12, 6, 6], data } })

const planned = (options: object) =>
  staticInt8.plan(
    {
      model: network(),
      calibration: { dataset, indices: dataset.indices('all').subarray(0, 40) },
      seed: 0,
      threads: 1,
    },
    StaticOptions.parse(options),
    testContext(),
  )

/** Means of the channels of a value. */
async function means(model: Model, value: string): Promise<number[]> {
  if (!model.graph.isOutput(value)) model.graph.proto.output.push(makeValue(value, 'float32', null))
  const out = (await run(model, { x: { type: 'float32', dims: [COUNT, 12, 6, 6], data } }))[value]
  const [n = 1, channels = 1] = out?.dims ?? []
  const sums = Array.from({ length: channels }, () => 0)
  for (const [i, v] of ((out?.data ?? []) as Float32Array).entries()) {
    const c = Math.floor(i / 36) % channels
    sums[c] = (sums[c] ?? 0) + v / (36 * n)
  }
  return sums
}

test('what batch normalization says of means is what the network gives, equalized or not', async () => {
  const source = network()
  const { model: simple } = await preparedForStatic(source)
  for (const equalize of [false, true]) {
    const { model: prepared } = await preparedForStatic(source, equalize)
    const types = await inferTypes(prepared)
    const found = expectedMeans({ source, simple, prepared, types }).get('r0')
    if (!found || 'unknown' in found) throw new Error('r0 is not known')
    const real = await means(prepared, 'r0')
    const size = Math.max(...real)
    for (const [c, mean] of real.entries())
      expect(Math.abs(mean - (found.mean[c] ?? 0))).toBeLessThan(0.05 * size)
  }
})

test('corrects the layer behind it, and says which others it cannot', async () => {
  const options = { perChannel: false, reduceRange: true }
  const plain = await staticInt8.apply(network(), await planned(options))
  const plan = await planned({ ...options, biasCorrection: 'analytic' })
  const result = await staticInt8.apply(network(), plan)
  expect(StaticDecisions.parse(plan.decisions).biases.map(b => b.id)).toEqual(['c1'])
  expect(plan.notes.filter(n => n.code === 'bias-declined').map(n => [n.node, n.message])).toEqual([
    ['first', expect.stringMatching(/as it is an input of the model\.$/)],
    ['third', expect.stringMatching(/as no batch normalization says what Conv second gives\.$/)],
  ])
  expect(plan.notes.find(n => n.code === 'bias-corrected')?.message).toMatch(/^The biases of 1 of 3 layers/)
  // Behind a Relu the mean still tells the shift.
  const wanted = await means(network(), 'r1')
  const shift = async (model: Model) => {
    const found = await means(model, 'r1')
    return Math.hypot(...wanted.map((m, c) => m - (found[c] ?? 0)))
  }
  expect(await shift(result)).toBeLessThan(0.6 * (await shift(plain)))
})
