/**
 * One block's grid: w ≈ s·(q − z) with q in 0…2^bits − 1, which is 0…15 for 4 bits.
 *
 *   asymmetric  s = (max − min) / 15 over a range that holds zero, z = round(−min / s)
 *   symmetric   z = 8, s = w / −8 for the w of the largest magnitude, which so gets the code 0: all sixteen codes are
 *               used, and s may be negative (as ONNX Runtime's own quantizer and GGML's Q4_0 have it)
 *
 * With 8 bits it is 255 for 15 and 128 for 8. Scales are rounded to float32 before codes are made with them. A block of
 * zeros has s = 1.
 */

/** Bits of a code. */
export type Bits = 4 | 8

/** Largest code. */
export function topCode(bits: Bits): number {
  return 2 ** bits - 1
}

/** Code of zero in symmetric blocks. */
export function middleCode(bits: Bits): number {
  return 2 ** (bits - 1)
}

/** What a block's codes mean. */
export interface Grid {
  scale: number
  /** A whole number of 0…15 (0…255) unless the grid may have fractional ones. */
  zero: number
}

/** The code of a value given in steps of the grid, its zero point added. */
export function codeOf(steps: number, top: number): number {
  const code = Math.round(steps)
  return code < 0 ? 0 : code > top ? top : code
}

/** The grid to which rounding to nearest goes. `shrink`: the part of the range that it covers; the rest is clipped. */
export function nearestGrid(block: Float32Array, symmetric: boolean, bits: Bits = 4, shrink = 1): Grid {
  let [min, max] = [0, 0]
  for (const value of block) {
    if (value < min) min = value
    if (value > max) max = value
  }
  if (symmetric) {
    const extreme = max > -min ? max : min
    return { scale: Math.fround((shrink * extreme) / -middleCode(bits)) || 1, zero: middleCode(bits) }
  }
  const top = topCode(bits)
  const scale = Math.fround((shrink * (max - min)) / top) || 1
  return { scale, zero: codeOf((-shrink * min) / scale, top) }
}
