import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { normals } from '../testing'
import { Histogram } from './histogram'
import { entropyRange, percentileRange } from './thresholds'

interface Golden {
  method: 'entropy' | 'percentile'
  data: 'normal' | 'relu' | 'outlier'
  bins: number
  levels?: number
  percentile?: number
  min: number
  max: number
}
const goldens = JSON.parse(readFileSync(new URL('./goldens/calibration.json', import.meta.url), 'utf8')) as {
  cases: Golden[]
}

/** The data of bench/peers/calibration_goldens.py. */
const DATA = {
  normal: normals(20000, 1),
  relu: normals(20000, 2).map(v => Math.max(0, v)),
  outlier: Float32Array.from([...normals(20000, 3), 40, -25]),
}

describe('ranges equal those of onnxruntime.quantization', () => {
  test.each(goldens.cases)('$method of $data, $bins bins, $levels levels, $percentile %', golden => {
    const data = DATA[golden.data]
    const min = data.reduce((a, b) => Math.min(a, b))
    const max = data.reduce((a, b) => Math.max(a, b))
    const bound = Math.max(-min, max)
    const entropy = golden.method === 'entropy'
    const histogram = entropy
      ? new Histogram(-bound, bound, golden.bins, 'values')
      : new Histogram(0, bound, golden.bins, 'magnitudes')
    histogram.add(data)
    const range = entropy
      ? entropyRange(histogram, golden.levels ?? 0)
      : percentileRange(histogram, golden.percentile ?? 0)
    // The peer's histogram of magnitudes starts at the smallest, ours at zero. It sums divergences in float32: between
    // the bulk and two lone outliers windows differ by less than that resolves, and any of them may win.
    const bin = (bound / golden.bins) * (entropy ? 2 : 1)
    const room = bin * (entropy && golden.data === 'outlier' && golden.bins > 1000 ? 40 : 1.01)
    expect(Math.abs(Math.max(range.min, min) - golden.min)).toBeLessThanOrEqual(room)
    expect(Math.abs(Math.min(range.max, max) - golden.max)).toBeLessThanOrEqual(room)
  })
})

describe('histograms', () => {
  test('what lies outside goes into the outermost bins', () => {
    const histogram = new Histogram(-1, 1, 4, 'values')
    histogram.add(Float32Array.of(-5, -1, -0.1, 0, 0.9, 1, 5))
    expect([...histogram.counts]).toEqual([2, 1, 1, 3])
    expect([0, 2, 4].map(i => histogram.edge(i))).toEqual([-1, 0, 1])
  })

  test('magnitudes, and all but zeros', () => {
    const magnitudes = new Histogram(0, 1, 2, 'magnitudes')
    magnitudes.add(Float32Array.of(-0.9, 0.9, 0.1, 0))
    expect([...magnitudes.counts]).toEqual([2, 2])
    const nonzero = new Histogram(-1, 1, 2, 'nonzero')
    nonzero.add(Float32Array.of(-0.9, 0.9, 0, 0))
    expect([...nonzero.counts]).toEqual([1, 1])
  })

  test('counting in parts is counting at once', () => {
    const [whole, parts] = [0, 1].map(() => new Histogram(-4, 4, 64, 'values')) as [Histogram, Histogram]
    whole.add(DATA.normal)
    for (let i = 0; i < DATA.normal.length; i += 777) parts.add(DATA.normal.subarray(i, i + 777))
    expect(parts.counts).toEqual(whole.counts)
    expect(whole.total).toBe(DATA.normal.length)
  })
})
