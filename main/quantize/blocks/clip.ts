/**
 * The range of a block that costs least in what the layer gives, not in the weights: outliers are clipped where the
 * others gain more by finer steps.
 *
 *   least over c in 1, 0.95, … 0.5 of  eᵀ·M·e,  e = w − s(q − z) on the grid of c times the block's range
 *
 * M: the block's part of Σ x·xᵀ over what the layer is given on samples, so that eᵀ·M·e is what the block's rounding
 * adds to the sum of squares of the output's error, other blocks being exact.
 * Paper: Lin et al., AWQ: Activation-aware Weight Quantization, MLSys 2024 (arXiv:2306.00978); its code searches the
 * clipping so, block by block.
 */
import { type Bits, codeOf, type Grid, nearestGrid, topCode } from './grid'

const STEP = 0.05
const LEAST = 0.5

/** Where a block lies in the moments of the inputs [K, K]. */
export interface BlockMoments {
  moments: Float64Array
  k: number
  /** First input of the block. */
  from: number
}

/** The best of a grid and those of clipped ranges; the given one where none is better. */
export function clippedGrid(
  block: Float32Array,
  given: Grid,
  { symmetric, bits }: { symmetric: boolean; bits: Bits },
  at: BlockMoments,
): Grid {
  let best = given
  let least = outputError(block, given, bits, at)
  const steps = Math.round((1 - LEAST) / STEP)
  for (let i = 0; i <= steps; i++) {
    const grid = nearestGrid(block, symmetric, bits, 1 - i * STEP)
    const error = outputError(block, grid, bits, at)
    if (error < least) [best, least] = [grid, error]
  }
  return best
}

function outputError(
  block: Float32Array,
  { scale, zero }: Grid,
  bits: Bits,
  { moments, k, from }: BlockMoments,
): number {
  const top = topCode(bits)
  const errors = ERRORS.subarray(0, block.length)
  for (let i = 0; i < block.length; i++) {
    const value = block[i] as number
    errors[i] = value - scale * (codeOf(value / scale + zero, top) - zero)
  }
  let total = 0
  for (let i = 0; i < errors.length; i++) {
    const row = (from + i) * k + from
    const e = errors[i] as number
    let sum = 0.5 * e * (moments[row + i] as number)
    for (let j = 0; j < i; j++) sum += (errors[j] as number) * (moments[row + j] as number)
    total += 2 * e * sum
  }
  return total
}

/** As many as the largest block has values. */
const ERRORS = new Float64Array(256)
