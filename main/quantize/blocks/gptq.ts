/**
 * GPTQ of one layer: rows of weights are rounded one after the other, and what each got wrong is made up for by the rows
 * not rounded yet. Frantar et al., GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers,
 * ICLR 2023 (arXiv:2210.17323).
 *
 *   H = Σ x·xᵀ + λ·mean(diag)·I,   H⁻¹ = Uᵀ·U with U an upper triangle
 *   for input i:  q_i ← code(w_i),   e ← (w_i − ŵ_i) / U_ii,   w_r ← w_r − U_ir·e  for r > i
 *
 * The weights here are [K, N], one row per input, so that every update is a multiple of one row added to another. Rows
 * of a block of `LAZY` are updated at once, the others when the block is done (section 3.3). A group's grid is found
 * when its first row is reached, from the weights as they are by then; with `actOrder`, inputs of the largest moments
 * come first and grids are those of the weights as they came ("static groups" of the authors' code), so that groups
 * stay neighbours.
 *
 * Differences from the authors' code: the factor 2 of H changes nothing and is left out; inputs that are always zero
 * are rounded to nearest instead of set to zero, for other data may use them; grids see all updates, also those within
 * a lazy block.
 */
import { BantamError } from '../../../shared/errors'
import type { Blocks, MatrixShape } from './blocks'
import { clippedGrid } from './clip'
import { type Bits, codeOf, nearestGrid, topCode } from './grid'

export interface GptqOptions {
  bits: Bits
  group: number
  symmetric: boolean
  /** Inputs with the largest moments first. */
  actOrder: boolean
  /** The range of every block is searched. */
  clip: boolean
}

/** What GPTQ needs of a layer's inputs; layers with the same inputs share it. */
export interface InputFactor {
  k: number
  /** Order of the inputs. */
  order: Uint32Array
  /** [K, K], U of the inputs in that order; what is below its diagonal is not zero. */
  upper: Float64Array
  /** [K, K], Σ x·xᵀ, in the order of the model. */
  moments: Float64Array
}

/** Rows after which the rows behind are updated. */
const LAZY = 128
/** Multiplications after which others get a turn. */
const PAUSE_AFTER = 1 << 26

/**
 * Factorizes Σ x·xᵀ [K, K] of a layer's inputs.
 * @param moments kept as it is
 * @param damping λ, which grows tenfold as long as the matrix is not positive definite
 */
export async function factorInputs(
  moments: Float64Array,
  k: number,
  { damping, actOrder }: { damping: number; actOrder: boolean },
  pause?: () => Promise<void>,
): Promise<InputFactor> {
  const diagonal = Float64Array.from({ length: k }, (_, i) => moments[i * k + i] as number)
  const order = Uint32Array.from({ length: k }, (_, i) => i)
  if (actOrder) order.sort((a, b) => (diagonal[b] as number) - (diagonal[a] as number) || a - b)
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / k || 1
  for (let added = damping * mean; added < 1e6 * mean; added *= 10) {
    const upper = new Float64Array(k * k)
    for (let i = 0; i < k; i++) {
      const row = (order[i] as number) * k
      for (let j = 0; j < k; j++) upper[i * k + j] = moments[row + (order[j] as number)] as number
      const at = i * k + i
      // An input that is always zero has no bearing on the others.
      upper[at] = (upper[at] || mean) + added
    }
    if (await inverseRoot(upper, k, pause)) return { k, order, upper, moments }
  }
  throw new BantamError('bad-data', 'What a layer is given on the samples has no usable second moments.', {
    action: 'Check the samples, or choose another rounding.',
  })
}

/**
 * Replaces a symmetric positive definite H by the upper triangle U with H⁻¹ = Uᵀ·U: H = M·Mᵀ with M an upper triangle
 * (Cholesky from the last row up), U = M⁻¹. False where H is not positive definite.
 */
async function inverseRoot(h: Float64Array, k: number, pause?: () => Promise<void>): Promise<boolean> {
  let work = 0
  const rest = async (more: number) => {
    work += more
    if (work < PAUSE_AFTER) return
    work = 0
    await pause?.()
  }
  for (let j = k - 1; j >= 0; j--) {
    const row = j * k
    const square = (h[row + j] as number) - dot(h, row, row, j + 1, k)
    if (!(square > 0)) return false
    const root = Math.sqrt(square)
    h[row + j] = root
    for (let i = 0; i < j; i++)
      h[i * k + j] = ((h[i * k + j] as number) - dot(h, i * k, row, j + 1, k)) / root
    await rest(j * (k - j))
  }
  const made = new Float64Array(k)
  for (let i = k - 1; i >= 0; i--) {
    const row = i * k
    const diagonal = 1 / (h[row + i] as number)
    made.fill(0, i)
    made[i] = 1
    for (let r = i + 1; r < k; r++) {
      const factor = h[row + r] as number
      if (factor === 0) continue
      for (let j = r; j < k; j++) made[j] = (made[j] as number) - factor * (h[r * k + j] as number)
    }
    for (let j = i; j < k; j++) h[row + j] = (made[j] as number) * diagonal
    await rest((k - i) * (k - i))
  }
  return true
}

/** Σ over [from, to) of two rows of a matrix, in four sums. */
function dot(data: Float64Array, a: number, b: number, from: number, to: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let t = from
  for (; t + 3 < to; t += 4) {
    s0 += (data[a + t] as number) * (data[b + t] as number)
    s1 += (data[a + t + 1] as number) * (data[b + t + 1] as number)
    s2 += (data[a + t + 2] as number) * (data[b + t + 2] as number)
    s3 += (data[a + t + 3] as number) * (data[b + t + 3] as number)
  }
  for (; t < to; t++) s0 += (data[a + t] as number) * (data[b + t] as number)
  return s0 + s1 + (s2 + s3)
}

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
  const lazy = Math.max(LAZY, group)
  const errors = new Float64Array(Math.min(lazy, k) * n)
  let work = 0
  for (let from = 0; from < k; from += lazy) {
    const to = Math.min(k, from + lazy)
    for (let i = from; i < to; i++) {
      if (!actOrder && i % group === 0) findGrids(blocks, rows, i / group, i, options, inputs)
      const error = errors.subarray((i - from) * n, (i - from + 1) * n)
      roundRow(
        blocks,
        rows.subarray(i * n, (i + 1) * n),
        order[i] as number,
        error,
        upper[i * k + i] as number,
      )
      for (let r = i + 1; r < to; r++) subtract(rows, r * n, error, upper[i * k + r] as number)
      work += (to - i) * n
    }
    for (let r = to; r < k; r++) {
      for (let i = from; i < to; i++) {
        subtract(rows, r * n, errors.subarray((i - from) * n, (i - from + 1) * n), upper[i * k + r] as number)
      }
      work += (to - from) * n
      if (work < PAUSE_AFTER) continue
      work = 0
      await pause?.()
    }
  }
  return blocks
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

/** rows[at …] −= factor · other */
function subtract(rows: Float64Array, at: number, other: Float64Array, factor: number): void {
  if (factor === 0) return
  for (let j = 0; j < other.length; j++)
    rows[at + j] = (rows[at + j] as number) - factor * (other[j] as number)
}
