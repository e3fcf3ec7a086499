/**
 * One block's grid: w ≈ s·(q − z) with q in 0…15.
 *
 *   asymmetric  s = (max − min) / 15 over a range that holds zero, z = round(−min / s)
 *   symmetric   z = 8, s = w / −8 for the w of the largest magnitude, which so gets the code 0: all sixteen codes are
 *               used, and s may be negative (as ONNX Runtime's own quantizer and GGML's Q4_0 have it)
 *
 * Scales are rounded to float32 before codes are made with them. A block of zeros has s = 1.
 */

/** Largest code. */
export const LEVELS = 15
const MIDDLE = 8

/** What a block's codes mean. */
export interface Grid {
  scale: number
  /** A whole number of 0…15 unless the grid may have fractional ones. */
  zero: number
}

/** The code of a value given in steps of the grid, its zero point added. */
export function codeOf(steps: number): number {
  const code = Math.round(steps)
  return code < 0 ? 0 : code > LEVELS ? LEVELS : code
}

/** The grid to which rounding to nearest goes. */
export function nearestGrid(block: Float32Array, symmetric: boolean): Grid {
  let [min, max] = [0, 0]
  for (const value of block) {
    if (value < min) min = value
    if (value > max) max = value
  }
  if (symmetric) {
    const extreme = max > -min ? max : min
    return { scale: Math.fround(extreme / -MIDDLE) || 1, zero: MIDDLE }
  }
  const scale = Math.fround((max - min) / LEVELS) || 1
  return { scale, zero: codeOf(-min / scale) }
}
