import { describe, expect, test } from 'vitest'
import { normals, sqnr } from '../testing'
import { type BlockOptions, type Blocks, codeBlocks, decodeBlocks } from './blocks'
import { nearestGrid } from './grid'
import { NORM } from './hqq'

const NEAREST: BlockOptions = { bits: 4, group: 32, symmetric: false, rounding: 'nearest', fractional: false }

/** Student's t with three degrees of freedom: heavy tails. */
function heavyTailed(count: number, seed: number): Float32Array {
  const [top, a, b, c] = [0, 1, 2, 3].map(i => normals(count, seed + i)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  return top.map((x, i) => {
    const squares = [a, b, c].reduce((sum, values) => sum + (values[i] as number) ** 2, 0)
    return (0.05 * x) / Math.sqrt(squares / 3)
  })
}

/** Σ |w − ŵ|^p of every block of [K, N] weights. */
function blockErrors(values: Float32Array, blocks: Blocks): Float64Array {
  const decoded = decodeBlocks(blocks, false)
  const errors = new Float64Array(blocks.n * blocks.count)
  values.forEach((value, at) => {
    const [i, j] = [Math.floor(at / blocks.n), at % blocks.n]
    const block = j * blocks.count + Math.floor(i / blocks.group)
    errors[block] = (errors[block] as number) + Math.abs(value - (decoded[at] as number)) ** NORM
  })
  return errors
}

describe('rounding to nearest', () => {
  test('asymmetric: zero is exact, nothing is off by more than half a step', async () => {
    const values = normals(70 * 5, 3)
    values[0] = 0
    const blocks = await codeBlocks(values, { k: 70, n: 5, transposed: false }, NEAREST)
    expect([blocks.count, blocks.codes.length]).toEqual([3, 350])
    expect(Math.max(...blocks.codes)).toBeLessThanOrEqual(15)
    const decoded = decodeBlocks(blocks, false)
    expect(decoded[0]).toBe(0)
    const widest = Math.max(...blocks.scales)
    values.forEach((value, i) => {
      // Half a step, and half a step of the zero point's own rounding at the ends.
      expect(Math.abs(value - (decoded[i] as number))).toBeLessThanOrEqual(1.0001 * widest)
    })
  })

  test('symmetric: the largest magnitude has code 0 and is exact', () => {
    expect(nearestGrid(Float32Array.of(0.5, -2, 1), true)).toEqual({ scale: 0.25, zero: 8 })
    expect(nearestGrid(Float32Array.of(0.5, -1, 2), true)).toEqual({ scale: -0.25, zero: 8 })
  })

  test('zeros stay zeros, and values of one sign keep zero in the range', async () => {
    const values = new Float32Array(64)
    values.fill(3, 32)
    const blocks = await codeBlocks(values, { k: 64, n: 1, transposed: true }, NEAREST)
    expect(decodeBlocks(blocks, true)).toEqual(values)
  })

  test('both layouts of a weight have the same codes', async () => {
    const values = normals(40 * 3, 1)
    const flipped = Float32Array.from(
      values,
      (_, at) => values[(at % 40) * 3 + Math.floor(at / 40)] as number,
    )
    const straight = await codeBlocks(values, { k: 40, n: 3, transposed: false }, NEAREST)
    expect(await codeBlocks(flipped, { k: 40, n: 3, transposed: true }, NEAREST)).toEqual(straight)
  })
})

describe('half-quadratic quantization', () => {
  const shape = { k: 256, n: 64, transposed: false }
  const values = heavyTailed(256 * 64, 7)

  test.each([
    ['fractional zero points', { symmetric: false, fractional: true }, 0.92],
    ['scales', { symmetric: false, fractional: false }, 0.98],
    ['scales, symmetric', { symmetric: true, fractional: false }, 0.99],
  ])('%s: no block is worse in its norm, and the whole is better', async (_, form, most) => {
    const nearest = await codeBlocks(values, shape, { ...NEAREST, symmetric: form.symmetric })
    const solved = await codeBlocks(values, shape, { ...NEAREST, ...form, rounding: 'hqq' })
    const [before, after] = [blockErrors(values, nearest), blockErrors(values, solved)]
    after.forEach((error, i) => {
      expect(error).toBeLessThanOrEqual((before[i] as number) * (1 + 1e-5))
    })
    const sum = (errors: Float64Array) => errors.reduce((total, e) => total + e, 0)
    expect(sum(after) / sum(before)).toBeLessThan(most)
    expect(sqnr(values, decodeBlocks(solved, false))).toBeGreaterThan(
      sqnr(values, decodeBlocks(nearest, false)),
    )
  })

  test('does the same to weights of another size', async () => {
    const options: BlockOptions = { ...NEAREST, rounding: 'hqq', fractional: true }
    const [one, other] = [
      await codeBlocks(values, shape, options),
      await codeBlocks(
        values.map(v => v / 1024),
        shape,
        options,
      ),
    ]
    expect(other.codes).toEqual(one.codes)
  })
})
