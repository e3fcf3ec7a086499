/** Weights as codes of 4 or 8 bits in blocks along K: w ≈ s·(q − z), one s and one z per block. */
import { clippedGrid } from './clip'
import { type Bits, codeOf, type Grid, nearestGrid, topCode } from './grid'
import { halfQuadratic } from './hqq'

export interface BlockOptions {
  bits: Bits
  /** Values per block. */
  group: number
  symmetric: boolean
  rounding: 'nearest' | 'hqq'
  /** Zero points need not be whole numbers. */
  fractional: boolean
}

/** A matrix [K, N], or [N, K] when transposed. */
export interface MatrixShape {
  k: number
  n: number
  transposed: boolean
}

export interface Blocks {
  k: number
  n: number
  group: number
  /** Blocks per column: ceil(K / group). */
  count: number
  bits: Bits
  /** [N, K], one code per byte. */
  codes: Uint8Array
  /** [N, count] */
  scales: Float32Array
  /** [N, count]; whole numbers of 0…15 (0…255) unless they may be fractional. */
  zeros: Float32Array
}

/**
 * Codes of a matrix. `pause` is called between columns now and then, and may throw to stop.
 * @param values in the order of `shape`, finite
 * @param factor multiplied into every value
 * @param moments [K, K], Σ x·xᵀ of the inputs: with them the range of every block is searched (see `clippedGrid`)
 */
export async function codeBlocks(
  values: Float32Array,
  shape: MatrixShape,
  options: BlockOptions,
  factor = 1,
  pause?: () => Promise<void>,
  moments?: Float64Array,
): Promise<Blocks> {
  const { k, n } = shape
  const { group, bits } = options
  const top = topCode(bits)
  const count = Math.ceil(k / group)
  const codes = new Uint8Array(n * k)
  const scales = new Float32Array(n * count)
  const zeros = new Float32Array(n * count)
  const column = new Float32Array(k)
  const rest = Math.max(1, Math.floor(PAUSE_AFTER / k))
  for (let j = 0; j < n; j++) {
    if (j % rest === 0) await pause?.()
    const [start, step] = shape.transposed ? [j * k, 1] : [j, n]
    for (let i = 0; i < k; i++) column[i] = (values[start + i * step] as number) * factor
    for (let b = 0; b < count; b++) {
      const from = b * group
      const block = column.subarray(from, Math.min(k, from + group))
      let grid = gridFor(block, options)
      if (moments) grid = clippedGrid(block, grid, options, { moments, k, from })
      const { scale, zero } = grid
      scales[j * count + b] = scale
      zeros[j * count + b] = zero
      for (let i = 0; i < block.length; i++) {
        codes[j * k + from + i] = codeOf((block[i] as number) / scale + zero, top)
      }
    }
  }
  return { k, n, group, count, bits, codes, scales, zeros }
}

/** Values after which others get a turn. */
const PAUSE_AFTER = 1 << 18

export function gridFor(block: Float32Array, options: BlockOptions): Grid {
  const { symmetric, rounding, fractional, bits } = options
  const nearest = nearestGrid(block, symmetric, bits)
  return rounding === 'nearest' ? nearest : halfQuadratic(block, nearest, fractional && !symmetric, bits)
}

/** The matrix that the codes stand for, in the order of `shape`. */
export function decodeBlocks({ k, n, group, count, codes, scales, zeros }: Blocks, transposed: boolean) {
  const values = new Float32Array(k * n)
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < k; i++) {
      const block = j * count + Math.floor(i / group)
      const value = (scales[block] as number) * ((codes[j * k + i] as number) - (zeros[block] as number))
      values[transposed ? j * k + i : i * n + j] = value
    }
  }
  return values
}
