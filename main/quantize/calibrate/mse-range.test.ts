import { describe, expect, it } from 'vitest'
import { affineFor, codeRange, type Range, representable, roundHalfEven } from '../affine'
import { normals } from '../testing'
import { Histogram } from './histogram'
import { mseRange, rangeError } from './mse-range'

const CODES = codeRange('uint8')

/** Squared error of the values themselves, rounded as QuantizeLinear does. */
function trueError(values: Float32Array, range: Range, symmetric: boolean): number {
  const affine = affineFor(range, CODES, symmetric)
  const ends = representable(affine, CODES)
  let error = 0
  for (const value of values) {
    const rounded = affine.scale * roundHalfEven(value / affine.scale)
    error += (value - Math.min(ends.max, Math.max(ends.min, rounded))) ** 2
  }
  return error
}

/** The least error over a fine grid of both ends. */
function bruteForce(values: Float32Array, range: Range, symmetric: boolean): number {
  const steps = 40
  let least = Number.POSITIVE_INFINITY
  for (let i = 1; i <= steps; i++) {
    for (let j = 1; j <= (range.min < 0 && !symmetric ? steps : 1); j++) {
      const low = symmetric ? (range.min * i) / steps : (range.min * j) / (range.min < 0 ? steps : 1)
      least = Math.min(least, trueError(values, { min: low, max: (range.max * i) / steps }, symmetric))
    }
  }
  return least
}

function extremes(values: Float32Array): Range {
  return { min: values.reduce((a, b) => Math.min(a, b), 0), max: values.reduce((a, b) => Math.max(a, b), 0) }
}

function counted(values: Float32Array): Histogram {
  const { min, max } = extremes(values)
  const bound = Math.max(-min, max)
  const histogram = new Histogram(-bound, bound, 2048, 'nonzero')
  histogram.add(values)
  return histogram
}

const CASES: Record<string, Float32Array> = {
  normal: normals(1500, 1),
  'a heavy tail': normals(1500, 2).map(v => v ** 5),
  'one outlier': Float32Array.of(...normals(3000, 3), 40),
  'never negative': normals(1500, 4).map(v => Math.max(0, v) ** 3),
  'long to one side': normals(1500, 5).map(v => (v > 0 ? 8 * v * v : v)),
}

describe('the range of least squared error', () => {
  for (const [name, values] of Object.entries(CASES)) {
    it(`is within 1 % of the best of 1600 ranges: ${name}`, () => {
      const range = extremes(values)
      const found = mseRange(counted(values), range, CODES, false)
      const error = trueError(values, found, false)
      expect(error).toBeLessThanOrEqual(1.01 * bruteForce(values, range, false))
      expect(error).toBeLessThanOrEqual(trueError(values, range, false) * (1 + 1e-9))
    })
  }

  it('has one end only where codes are symmetric', () => {
    const values = CASES['a heavy tail'] as Float32Array
    const bound = Math.max(-extremes(values).min, extremes(values).max)
    const found = mseRange(counted(values), { min: -bound, max: bound }, CODES, true)
    expect(found.min).toBe(-found.max)
    expect(trueError(values, found, true)).toBeLessThanOrEqual(
      1.01 * bruteForce(values, { min: -bound, max: bound }, true),
    )
  })

  it('cuts off one outlier among many small values', () => {
    const values = CASES['one outlier'] as Float32Array
    expect(mseRange(counted(values), extremes(values), CODES, false).max).toBeGreaterThan(35)
    // One value of 40 in 3000 weighs as much as the whole rounding; of 4 million it does not.
    const histogram = counted(values)
    for (let i = 0; i < histogram.counts.length - 1; i++)
      histogram.counts[i] = 1000 * (histogram.counts[i] ?? 0)
    expect(mseRange(histogram, extremes(values), CODES, false).max).toBeLessThan(35)
  })

  it('tells the error of the values from the histogram', () => {
    for (const values of Object.values(CASES)) {
      const range = extremes(values)
      const half = { min: range.min / 2, max: range.max / 2 }
      for (const candidate of [range, half]) {
        const told = rangeError(counted(values), candidate, CODES, false)
        expect(Math.abs(told / trueError(values, candidate, false) - 1)).toBeLessThan(0.1)
      }
    }
  })

  it('leaves an empty histogram and constant zero alone', () => {
    expect(mseRange(new Histogram(-1, 1, 2048, 'nonzero'), { min: -1, max: 1 }, CODES, false)).toEqual({
      min: -1,
      max: 1,
    })
    expect(mseRange(new Histogram(0, 0, 2048, 'nonzero'), { min: 0, max: 0 }, CODES, false)).toEqual({
      min: 0,
      max: 0,
    })
  })
})
