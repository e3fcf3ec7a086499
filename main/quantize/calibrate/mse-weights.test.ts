import { describe, expect, it } from 'vitest'
import { affineFor, codeRange } from '../affine'
import { normals } from '../testing'
import { quantizeWeight, type WeightCoding, weightScales } from '../weights'
import { leastErrorBounds } from './mse-weights'

/** Heavy-tailed weights of eight rows and 64 columns; row 3 is zero. */
const dims = [8, 64]
const values = normals(512, 7).map((v, i) => (Math.floor(i / 64) === 3 ? 0 : v ** 3))

function squaredError(coding: WeightCoding, axis: number | null, given = values, shape = dims): number {
  const weight = weightScales(given, shape, axis, coding)
  const codes = quantizeWeight(given, shape, weight, coding)
  const inner = axis === null ? 1 : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return given.reduce((error, w, i) => {
    const channel = axis === null ? 0 : Math.floor(i / inner) % (shape[axis] ?? 1)
    return error + (w - (weight.scales[channel] ?? 0) * ((codes[i] ?? 0) - weight.zeroPoint)) ** 2
  }, 0)
}

describe('clipping of weights by least squared error', () => {
  const codings: WeightCoding[] = [
    { type: 'int8', reduced: false },
    { type: 'int8', reduced: true },
    { type: 'uint8', reduced: false },
    { type: 'uint8', reduced: true },
  ]
  for (const coding of codings) {
    for (const axis of [null, 0, 1]) {
      it(`loses no more than the whole range: ${coding.type}, reduced ${coding.reduced}, axis ${axis}`, () => {
        const [whole, clipped] = [squaredError(coding, axis), squaredError({ ...coding, range: 'mse' }, axis)]
        expect(clipped).toBeLessThanOrEqual(whole * (1 + 1e-6))
      })
    }
  }

  it('loses less than the whole range of many weights with heavy tails in seven bits', () => {
    const long = normals(20000, 9).map(v => v ** 5)
    const whole = squaredError({ type: 'int8', reduced: true }, null, long, [20000])
    const clipped = squaredError({ type: 'int8', reduced: true, range: 'mse' }, null, long, [20000])
    expect(clipped).toBeLessThan(0.95 * whole)
  })

  it('comes close to the best of many bounds', () => {
    const codes = codeRange('int8', { narrow: true })
    const bounds = leastErrorBounds(values, dims, 0, codes)
    for (let row = 0; row < 8; row++) {
      const own = values.subarray(row * 64, row * 64 + 64)
      const most = own.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
      const error = (bound: number) => {
        const { scale } = affineFor({ min: -bound, max: bound }, codes, true)
        return own.reduce(
          (sum, w) => sum + (w - scale * Math.max(-127, Math.min(127, Math.round(w / scale)))) ** 2,
          0,
        )
      }
      if (most === 0) {
        expect(bounds[row]).toBe(0)
        continue
      }
      // With 64 weights the error jumps with the bound: a row of bounds finds most of what a fine one does.
      const fine = Math.min(...Array.from({ length: 2000 }, (_, i) => error((most * (i + 1)) / 2000)))
      expect(error(bounds[row] ?? 0)).toBeLessThan(1.35 * fine)
    }
    const long = normals(20000, 9).map(v => v ** 3)
    const bound = leastErrorBounds(long, [20000], null, codes)[0] ?? 0
    const most = long.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
    const errorOf = (t: number) => {
      const { scale } = affineFor({ min: -t, max: t }, codes, true)
      return long.reduce(
        (sum, w) => sum + (w - scale * Math.max(-127, Math.min(127, Math.round(w / scale)))) ** 2,
        0,
      )
    }
    const best = Math.min(...Array.from({ length: 200 }, (_, i) => errorOf((most * (i + 1)) / 200)))
    expect(errorOf(bound)).toBeLessThan(1.01 * best)
  })
})
