/**
 * GPTQ of one layer: rows of weights are rounded one after the other, and what each got wrong is made up for by the rows
 * not rounded yet. Frantar et al., GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers,
 * ICLR 2023 (arXiv:2210.17323).
 *
 *   H = Σ x·xᵀ + λ·mean(diag)·I,   H⁻¹ = Uᵀ·U with U an upper triangle
 *   for input i:  q_i ← code(w_i),   e ← (w_i − ŵ_i) / U_ii,   w_r ← w_r − U_ir·e  for r > i
 *
 * The weights here are [K, N], one row per input, so that every update is a multiple of one row added to another. Rows
 * go by blocks of `LAZY` (section 3.3): what all rows before a block got wrong is taken from it in one product of
 * matrices when its turn comes, where the authors' code updates all rows behind a block. A group's grid is found when
 * its first row is reached, from the weights as they are by then; with `actOrder`, inputs of the largest moments come
 * first and grids are those of the weights as they came ("static groups" of the authors' code), so that groups stay
 * neighbours.
 *
 * Differences from the authors' code: the factor 2 of H changes nothing and is left out; inputs that are always zero
 * are rounded to nearest instead of set to zero, for other data may use them; grids see all updates, also those within
 * a lazy block.
 */
import type { Blocks, MatrixShape } from './blocks'
import { clippedGrid } from './clip'
import type { InputFactor } from './factor'
import { type Bits, codeOf, nearestGrid, topCode } from './grid'
import type { Products } from './products'

export interface GptqOptions {
  bits: Bits
  group: number
  symmetric: boolean
  /** Inputs with the largest moments first. */
  actOrder: boolean
  /** The range of every block is searched. */
  clip: boolean
}

/** Rows of a block. */
const LAZY = 128

/**
 * Codes of a layer's weights.
 * @param values in the order of `shape`, finite
 * @param factor multiplied into every value
 */
export async function gptq(
  values: Float32Array,
  shape: MatrixShape,
  options: GptqOptions,
  inputs: InputFactor,
  products: Products,
  factor = 1,
  pause?: () => Promise<void>,
): Promise<Blocks> {
  const { k, n } = shape
  const { group, bits, actOrder } = options
  const { order, upper } = inputs
  const count = Math.ceil(k / group)
  const blocks: Blocks = {
    ...{ k, n, group, count, bits },
    codes: new Uint8Array(n * k),
    scales: new Float32Array(n * count),
    zeros: new Float32Array(n * count),
  }
  const rows = rowsInOrder(values, shape, order, factor)
  if (actOrder) {
    const straight = Uint32Array.from(order, (_, i) => i)
    const asGiven = rowsInOrder(values, shape, straight, factor)
    for (let b = 0; b < count; b++) findGrids(blocks, asGiven, b, b * group, options, inputs)
  }
  const errors = new Float64Array(k * n)
  const row = (matrix: Float64Array, i: number) => matrix.subarray(i * n, (i + 1) * n)
  const lazy = Math.max(LAZY, group)
  for (let from = 0; from < k; from += lazy) {
    await pause?.()
    const to = Math.min(k, from + lazy)
    if (from > 0) {
      const made = await products.multiply(
        before(inputs, from, to),
        errors.subarray(0, from * n),
        to - from,
        from,
        n,
      )
      subtract(rows.subarray(from * n, to * n), made, 1)
    }
    for (let i = from; i < to; i++) {
      if (!actOrder && i % group === 0) findGrids(blocks, rows, i / group, i, options, inputs)
      const error = row(errors, i)
      roundRow(blocks, row(rows, i), order[i] as number, error, upper[i * k + i] as number)
      for (let r = i + 1; r < to; r++) subtract(row(rows, r), error, upper[i * k + r] as number)
    }
  }
  return blocks
}

/** U[0…from), from…to)]ᵀ: how the errors of all rows before bear on those of a block. */
function before({ upper, k }: InputFactor, from: number, to: number): Float64Array {
  const out = new Float64Array((to - from) * from)
  for (let i = 0; i < from; i++) {
    for (let r = from; r < to; r++) out[(r - from) * from + i] = upper[i * k + r] as number
  }
  return out
}

/** [K, N] doubles, the rows in the given order. */
function rowsInOrder(
  values: Float32Array,
  { k, n, transposed }: MatrixShape,
  order: Uint32Array,
  factor: number,
): Float64Array {
  const rows = new Float64Array(k * n)
  for (let i = 0; i < k; i++) {
    const from = order[i] as number
    for (let j = 0; j < n; j++) {
      rows[i * n + j] = (values[transposed ? j * k + from : from * n + j] as number) * factor
    }
  }
  return rows
}

/** Grids of one group of all outputs, from the rows that begin at `first`. */
function findGrids(
  { n, k, group, count, scales, zeros, bits }: Blocks,
  rows: Float64Array,
  b: number,
  first: number,
  { symmetric, clip }: GptqOptions,
  { moments }: InputFactor,
): void {
  const length = Math.min(group, k - first)
  const block = new Float32Array(length)
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < length; i++) block[i] = rows[(first + i) * n + j] as number
    let grid = nearestGrid(block, symmetric, bits)
    if (clip) grid = clippedGrid(block, grid, { symmetric, bits }, { moments, k, from: first })
    scales[j * count + b] = grid.scale
    zeros[j * count + b] = grid.zero
  }
}

/** Codes of one input's weights, and what they got wrong over U_ii. */
function roundRow(
  { n, k, group, count, codes, scales, zeros, bits }: Blocks,
  row: Float64Array,
  input: number,
  error: Float64Array,
  diagonal: number,
): void {
  const b = Math.floor(input / group)
  const top = topCode(bits)
  for (let j = 0; j < n; j++) {
    const scale = scales[j * count + b] as number
    const zero = zeros[j * count + b] as number
    const value = row[j] as number
    const code = codeOf(value / scale + zero, top)
    codes[j * k + input] = code
    error[j] = (value - scale * (code - zero)) / diagonal
  }
}

/** row −= factor · other */
function subtract(row: Float64Array, other: Float64Array, factor: number): void {
  if (factor === 0) return
  for (let j = 0; j < other.length; j++) row[j] = (row[j] as number) - factor * (other[j] as number)
}
