import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { normals } from '../testing'
import { type Blocks, codeBlocks, decodeBlocks } from './blocks'
import { factorInputs } from './factor'
import { type GptqOptions, gptq } from './gptq'
import { codeOf, type Grid, nearestGrid, topCode } from './grid'
import { Products } from './products'

const OPTIONS: GptqOptions = { bits: 4, group: 16, symmetric: false, actOrder: false, clip: false }
const [K, N] = [134, 4]
const SHAPE = { k: K, n: N, transposed: false }
const WEIGHTS = normals(K * N, 5, 0.1)

/** Σ x·xᵀ of 200 inputs that have something to do with each other and are of very different sizes. */
function momentsOf(k: number, seed: number): Float64Array {
  const samples = 200
  const [own, shared] = [normals(samples * k, seed), normals(samples * 8, seed + 1)]
  const sizes = normals(k, seed + 2).map(v => Math.exp(v))
  const x = Float64Array.from(own, (value, at) => {
    const [t, i] = [Math.floor(at / k), at % k]
    return (sizes[i] as number) * (0.5 * value + (shared[t * 8 + (i % 8)] as number))
  })
  const out = new Float64Array(k * k)
  for (let t = 0; t < samples; t++) {
    for (let i = 0; i < k; i++) {
      for (let j = 0; j < k; j++) {
        out[i * k + j] = (out[i * k + j] as number) + (x[t * k + i] as number) * (x[t * k + j] as number)
      }
    }
  }
  return out
}

/** Inverse by Gauss and Jordan. */
function inverse(matrix: number[][]): number[][] {
  const n = matrix.length
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < n; i++) {
    const pivot = rows[i] as number[]
    const p = pivot[i] as number
    for (let c = 0; c < 2 * n; c++) pivot[c] = (pivot[c] as number) / p
    for (let r = 0; r < n; r++) {
      const row = rows[r] as number[]
      const factor = row[i] as number
      if (r === i || factor === 0) continue
      for (let c = 0; c < 2 * n; c++) row[c] = (row[c] as number) - factor * (pivot[c] as number)
    }
  }
  return rows.map(row => row.slice(n))
}

/**
 * The slow way (section 3.1, equation 2 of the paper): after every input the inverse of what is left of H is taken anew,
 * and all weights that are left move by −e / [H⁻¹]_qq · [H⁻¹]_q.
 */
function slowly(moments: Float64Array, damping: number, options: GptqOptions): Uint8Array {
  const { group } = options
  const diagonal = Array.from({ length: K }, (_, i) => moments[i * K + i] as number)
  const added = (damping * diagonal.reduce((a, b) => a + b)) / K
  const h = Array.from({ length: K }, (_, i) =>
    Array.from({ length: K }, (_, j) => (moments[i * K + j] as number) + (i === j ? added : 0)),
  )
  const order = diagonal.map((_, i) => i)
  if (options.actOrder) order.sort((a, b) => (diagonal[b] as number) - (diagonal[a] as number) || a - b)
  const codes = new Uint8Array(N * K)
  const columns = Array.from({ length: N }, (_, j) => {
    return Array.from({ length: K }, (_, i) => WEIGHTS[i * N + j] as number)
  })
  const grids = new Map<string, Grid>()
  const gridAt = (w: number[], j: number, b: number) => {
    const block = Float32Array.from(w.slice(b * group, (b + 1) * group))
    const grid = grids.get(`${j} ${b}`) ?? nearestGrid(block, options.symmetric, options.bits)
    grids.set(`${j} ${b}`, grid)
    return grid
  }
  if (options.actOrder) {
    for (const i of order) for (const [j, w] of columns.entries()) gridAt(w, j, Math.floor(i / group))
  }
  let left = [...order]
  for (const q of order) {
    const inv = inverse(left.map(r => left.map(c => (h[r] as number[])[c] as number)))
    const at = left.indexOf(q)
    columns.forEach((w, j) => {
      const { scale, zero } = gridAt(w, j, Math.floor(q / group))
      const code = codeOf((w[q] as number) / scale + zero, topCode(options.bits))
      codes[j * K + q] = code
      const error = ((w[q] as number) - scale * (code - zero)) / ((inv[at] as number[])[at] as number)
      left.forEach((r, i) => {
        w[r] = (w[r] as number) - error * ((inv[i] as number[])[at] as number)
      })
    })
    left = left.filter(r => r !== q)
  }
  return codes
}

/** tr(Eᵀ·M·E): the squared error of what the layer gives. */
function outputError(blocks: Blocks, weights: Float32Array, moments: Float64Array): number {
  const { k, n } = blocks
  const e = decodeBlocks(blocks, false).map((value, i) => value - (weights[i] as number))
  let total = 0
  for (let j = 0; j < n; j++) {
    for (let a = 0; a < k; a++) {
      for (let b = 0; b < k; b++) {
        total += (e[a * n + j] as number) * (moments[a * k + b] as number) * (e[b * n + j] as number)
      }
    }
  }
  return total
}

let products: Products
beforeAll(async () => {
  products = await Products.open(1)
})
afterAll(() => products.close())

describe('GPTQ', () => {
  const moments = momentsOf(K, 11)

  test('the triangle is the Cholesky factor of the inverse', async () => {
    const { upper } = await factorInputs(moments, K, { damping: 0.01, actOrder: false }, products)
    const mean = Array.from({ length: K }, (_, i) => moments[i * K + i] as number).reduce((a, b) => a + b) / K
    const h = Array.from({ length: K }, (_, i) =>
      Array.from({ length: K }, (_, j) => (moments[i * K + j] as number) + (i === j ? 0.01 * mean : 0)),
    )
    const inv = inverse(h)
    for (const [i, j] of [
      [0, 0],
      [3, 90],
      [133, 133],
      [70, 71],
    ] as const) {
      let sum = 0
      for (let t = 0; t <= Math.min(i, j); t++)
        sum += (upper[t * K + i] as number) * (upper[t * K + j] as number)
      expect(sum).toBeCloseTo((inv[i] as number[])[j] as number, 10)
    }
  })

  test('also of more inputs than a block has, in any order', async () => {
    const k = 600
    const wide = momentsOf(k, 21)
    const { upper, order } = await factorInputs(wide, k, { damping: 0.01, actOrder: true }, products)
    const mean = Array.from({ length: k }, (_, i) => wide[i * k + i] as number).reduce((a, b) => a + b) / k
    // H times UᵀU times a column is that column again.
    for (const column of [0, 255, 511, 599]) {
      const made = Array.from({ length: k }, (_, i) => {
        let sum = 0
        for (let t = 0; t <= Math.min(i, column); t++)
          sum += (upper[t * k + i] as number) * (upper[t * k + column] as number)
        return sum
      })
      for (let i = 0; i < k; i += 7) {
        const row = (order[i] as number) * k
        let sum = 0.01 * mean * (made[i] as number)
        for (let j = 0; j < k; j++) sum += (wide[row + (order[j] as number)] as number) * (made[j] as number)
        expect(sum).toBeCloseTo(i === column ? 1 : 0, 8)
      }
    }
  })

  test.each<[string, Partial<GptqOptions>]>([
    ['asymmetric, with a last group that is short', {}],
    ['symmetric', { symmetric: true }],
    ['large inputs first', { actOrder: true }],
    ['8 bits', { bits: 8, group: 32 }],
  ])('rounds as the slow way does: %s', async (_, changed) => {
    const options = { ...OPTIONS, ...changed }
    const inputs = await factorInputs(moments, K, { damping: 0.01, actOrder: options.actOrder }, products)
    const blocks = await gptq(WEIGHTS, SHAPE, options, inputs, products)
    const expected = slowly(moments, 0.01, options)
    // Where a value lies in the middle between two codes, the last bits decide.
    const other = expected.filter((code, i) => code !== blocks.codes[i])
    expect(other.length).toBeLessThanOrEqual(options.bits === 8 ? 4 : 1)
  })

  test('errs less in what the layer gives than rounding to nearest, and less again with searched ranges', async () => {
    const base = { ...OPTIONS, rounding: 'nearest', fractional: false } as const
    const nearest = await codeBlocks(WEIGHTS, SHAPE, base)
    const clipped = await codeBlocks(WEIGHTS, SHAPE, base, 1, undefined, moments)
    const inputs = await factorInputs(moments, K, { damping: 0.01, actOrder: false }, products)
    const solved = await gptq(WEIGHTS, SHAPE, OPTIONS, inputs, products)
    const [before, between, after] = [nearest, clipped, solved].map(b =>
      outputError(b, WEIGHTS, moments),
    ) as [number, number, number]
    expect(between).toBeLessThan(before)
    expect(after).toBeLessThan(0.5 * before)
  })

  test('both layouts of a weight have the same codes, and alpha is part of the weights', async () => {
    const inputs = await factorInputs(moments, K, { damping: 0.01, actOrder: false }, products)
    const straight = await gptq(WEIGHTS, SHAPE, OPTIONS, inputs, products)
    const flipped = Float32Array.from(
      WEIGHTS,
      (_, at) => WEIGHTS[(at % K) * N + Math.floor(at / K)] as number,
    )
    expect(await gptq(flipped, { ...SHAPE, transposed: true }, OPTIONS, inputs, products)).toEqual(straight)
    const doubled = await gptq(
      WEIGHTS.map(v => v / 2),
      SHAPE,
      OPTIONS,
      inputs,
      products,
      2,
    )
    expect(doubled.codes).toEqual(straight.codes)
  })

  test('inputs that are always zero are rounded to nearest', async () => {
    const silent = Float64Array.from(moments, (value, at) =>
      [3, 40].includes(at % K) || [3, 40].includes(Math.floor(at / K)) ? 0 : value,
    )
    const inputs = await factorInputs(silent, K, { damping: 0.01, actOrder: true }, products)
    const blocks = await gptq(WEIGHTS, SHAPE, { ...OPTIONS, actOrder: true }, inputs, products)
    const nearest = await codeBlocks(WEIGHTS, SHAPE, { ...OPTIONS, rounding: 'nearest', fractional: false })
    for (let j = 0; j < N; j++) {
      for (const i of [3, 40]) expect(blocks.codes[j * K + i]).toBe(nearest.codes[j * K + i])
    }
  })

  test('says when the moments are of no use', async () => {
    const wrong = new Float64Array(4).fill(Number.NaN)
    await expect(factorInputs(wrong, 2, { damping: 0.01, actOrder: false }, products)).rejects.toThrow(
      'What a layer is given on the samples has no usable second moments.',
    )
  })
})
