import { describe, expect, test } from 'vitest'
import type { TensorDetail } from '../../../shared/quantize'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import { StaticOptions } from '../static/options'
import { arrayDataset, normals, testContext } from '../testing'
import { layerDetail } from './detail'

/** Two convolutions and a dense layer; the first channel of the first is `wide` times the others, and made up for. */
function net(wide: number) {
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', 3, 6, 6])],
    outputs: [makeValue('y', 'float32', ['n', 5])],
    nodes: [
      makeNode('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1n, 1n, 1n, 1n] }, { name: 'first' }),
      makeNode('Relu', ['c1'], ['r1']),
      makeNode('Conv', ['r1', 'w2'], ['c2'], { pads: [1n, 1n, 1n, 1n] }, { name: 'second' }),
      makeNode('Relu', ['c2'], ['r2']),
      makeNode('GlobalAveragePool', ['r2'], ['p']),
      makeNode('Flatten', ['p'], ['f']),
      makeNode('Gemm', ['f', 'w3', 'b3'], ['y'], {}, { name: 'dense' }),
    ],
    initializers: [
      makeTensor(
        'w1',
        'float32',
        [4, 3, 3, 3],
        normals(108, 1, 0.3).map((v, i) => (i < 27 ? wide * v : v)),
      ),
      makeTensor('b1', 'float32', [4], normals(4, 2, 0.1)),
      makeTensor(
        'w2',
        'float32',
        [4, 4, 3, 3],
        normals(144, 3, 0.2).map((v, i) => (i % 36 < 9 ? v / wide : v)),
      ),
      makeTensor('w3', 'float32', [4, 5], normals(20, 4)),
      makeTensor('b3', 'float32', [5], normals(5, 5)),
    ],
  })
}

/** Of 4,320 values of a deviation of one, two are `outlier`. */
function detailOf(layer: string, { wide = 1, outlier = 1, options = {} }) {
  const values = normals(40 * 108, 6).map((v, i) => (i % 2160 === 5 ? outlier : v))
  const dataset = arrayDataset({ x: { dims: [40, 3, 6, 6], data: values } })
  const calibration = { dataset, indices: dataset.indices('all') }
  const request = { model: net(wide), options: StaticOptions.parse(options), calibration, threads: 1, layer }
  return layerDetail(request, testContext())
}

const named = (tensors: TensorDetail[], name: string) => {
  const found = tensors.find(t => t.name === name)
  if (!found) throw new Error(`There is no ${name}.`)
  return found
}

describe('a layer looked into', () => {
  test('shows every value, where calibrations cut, and channels', async () => {
    const { tensors, node } = await detailOf('c1', { outlier: 30 })
    expect(node).toBe('Conv first')
    const x = named(tensors, 'x')
    expect(x.histogram.counts.reduce((sum, c) => sum + c, 0)).toBe(4320)
    expect(x.histogram.low).toBeLessThanOrEqual(x.min)
    expect(x.histogram.high).toBeGreaterThanOrEqual(x.max)
    expect(x.histogram.counts.length).toBeLessThanOrEqual(256)
    expect(x.ranges.map(r => r.calibration)).toEqual(['minmax', 'percentile', 'entropy', 'mse'])
    expect(x.ranges[0]).toMatchObject({ min: x.min, max: x.max, sqnr: x.sqnr })
    const best = Math.max(...x.ranges.map(r => r.sqnr ?? 0))
    expect(x.ranges[3]?.sqnr).toBeCloseTo(best, 1)
    expect(x.outliers).toBeGreaterThan(5)
    const weight = named(tensors, 'w1')
    expect(weight.channels?.min.length).toBe(4)
    expect(Math.max(...(weight.channels?.max ?? []))).toBe(weight.max)
    expect(weight.histogram.counts.reduce((sum, c) => sum + c, 0)).toBe(108)
    const made = named(tensors, 'r1')
    expect([made.role, made.min, made.channels?.min.length]).toEqual(['output', 0, 4])
    expect(Math.max(...(made.channels?.max ?? []))).toBeCloseTo(made.max, 4)
  })

  test('says nothing is wrong where nothing is', async () => {
    const { findings } = await detailOf('c1', {})
    expect(findings).toEqual([
      { fix: 'none', message: expect.stringMatching(/^Nothing stands out: every tensor/) },
    ])
  })

  test('finds a calibration that outliers ask for', async () => {
    const { findings } = await detailOf('c1', { outlier: 60, options: { percentile: 99.95 } })
    expect(findings.map(f => f.fix)).toEqual(['calibration'])
    expect(findings[0]?.message).toMatch(
      /^0\.0\d % of the values of x stretch its range 10×: percentile calibration in place of minmax cuts them, and gives all others 43\.\d dB in place of 2\d\.\d dB\.$/,
    )
  })

  test('finds one scale for unlike channels, and what makes them alike', async () => {
    const { findings } = await detailOf('c1', { wide: 100, options: { perChannel: false } })
    expect(findings.slice(0, 2).map(f => f.fix)).toEqual(['perChannel', 'equalize'])
    expect(findings[0]?.message).toMatch(
      /^The widest of the 4 channels of w1 is \d+× the median one, and one scale/,
    )
    const behind = await detailOf('c2', { wide: 100 })
    expect(behind.findings.map(f => f.fix)).toContain('equalize')
    expect(behind.findings.find(f => f.fix === 'equalize')?.message).toMatch(/channels of r1 is \d+×/)
    const mended = await detailOf('c2', { wide: 100, options: { equalize: true } })
    expect(mended.findings.map(f => f.fix)).toEqual(['none'])
  })

  test('names a layer that is not there', async () => {
    await expect(detailOf('r1', {})).rejects.toMatchObject({ code: 'not-found', where: 'r1' })
  })
})
