import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  affineFor,
  codeRange,
  quantizeBias,
  quantizeInto,
  rangeOf,
  representable,
  roundHalfEven,
} from './affine'

describe('scales and zero points', () => {
  test('asymmetric: s = (b − a) / 255, z = round(−a / s)', () => {
    expect(affineFor({ min: -1, max: 3 }, codeRange('uint8'), false)).toEqual({
      scale: Math.fround(4 / 255),
      zeroPoint: 64,
    })
  })

  test('the range is widened to hold zero', () => {
    expect(affineFor({ min: 2, max: 5.1 }, codeRange('uint8'), false)).toEqual({
      scale: Math.fround(5.1 / 255),
      zeroPoint: 0,
    })
  })

  test('symmetric: zero in the middle, the larger side decides', () => {
    expect(affineFor({ min: -1, max: 4 }, codeRange('int8', { narrow: true }), true)).toEqual({
      scale: Math.fround(8 / 254),
      zeroPoint: 0,
    })
    expect(affineFor({ min: -1, max: 4 }, codeRange('uint8'), true).zeroPoint).toBe(128)
  })

  test('an empty range keeps zero at the lowest code', () => {
    expect(affineFor({ min: 0, max: 0 }, codeRange('int8'), false)).toEqual({ scale: 1, zeroPoint: -128 })
    expect(affineFor({ min: 0, max: 0 }, codeRange('int8', { narrow: true }), true)).toEqual({
      scale: 1,
      zeroPoint: 0,
    })
  })

  test('rounding is half to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999].map(roundHalfEven)).toEqual([0, 2, 2, 0, -2, 2])
  })

  test('a NaN shows in the range', () => {
    expect(rangeOf(Float32Array.of(1, Number.NaN, -2)).min).toBeNaN()
    expect(rangeOf(Float32Array.of(1, 3, -2))).toEqual({ min: -2, max: 3 })
  })

  test('bias codes have scale s_x·s_w and stay within 32 bits', () => {
    const { codes, scales } = quantizeBias(Float32Array.of(1, -2, 1e9), 0.5, [0.25, 0.5, 1e-3])
    expect([...codes]).toEqual([8, -8, 2147483647])
    expect(scales[0]).toBe(0.125)
  })
})

describe('properties', () => {
  const range = fc
    .tuple(fc.float({ min: -1000, max: 1000, noNaN: true }), fc.float({ min: -1000, max: 1000, noNaN: true }))
    .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }))

  test('zero is exact, and values in range are off by at most half a step', () => {
    fc.assert(
      fc.property(
        range,
        fc.constantFrom('uint8' as const, 'int8' as const),
        fc.boolean(),
        (r, type, symmetric) => {
          const codes = codeRange(type, { narrow: symmetric })
          const affine = affineFor(r, codes, symmetric)
          expect(affine.zeroPoint).toBeGreaterThanOrEqual(codes.min)
          expect(affine.zeroPoint).toBeLessThanOrEqual(codes.max)
          const values = Float32Array.of(0, r.min, r.max, (r.min + r.max) / 2)
          const out = type === 'uint8' ? new Uint8Array(4) : new Int8Array(4)
          quantizeInto(values, 0, 4, affine, codes, out)
          const back = Array.from(out, q => (q - affine.zeroPoint) * affine.scale)
          expect(back[0]).toBe(0)
          // The zero point is rounded too, so the ends may be half a step out.
          for (const [i, value] of back.entries()) {
            expect(Math.abs(value - (values[i] as number))).toBeLessThanOrEqual(affine.scale * 1.001 + 1e-30)
          }
        },
      ),
      { seed: 1 },
    )
  })

  test('quantizing dequantized codes gives the codes again', () => {
    fc.assert(
      fc.property(range, r => {
        const codes = codeRange('uint8')
        const affine = affineFor(r, codes, false)
        const all = Uint8Array.from({ length: 256 }, (_, i) => i)
        const values = Float32Array.from(all, q => (q - affine.zeroPoint) * affine.scale)
        const again = new Uint8Array(256)
        quantizeInto(values, 0, 256, affine, codes, again)
        expect(again).toEqual(all)
      }),
      { seed: 2 },
    )
  })

  test('the lowest code of a range that starts at zero is zero', () => {
    fc.assert(
      fc.property(fc.float({ min: Math.fround(1e-6), max: 1000, noNaN: true }), max => {
        for (const type of ['uint8', 'int8'] as const) {
          const codes = codeRange(type)
          expect(representable(affineFor({ min: 0, max }, codes, false), codes).min).toBe(0)
        }
      }),
      { seed: 3 },
    )
  })
})
