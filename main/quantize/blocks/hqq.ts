/**
 * Half-Quadratic Quantization of one block: Badri & Shaji, Half-Quadratic Quantization of Large Machine Learning
 * Models, 2023 (mobiusml.github.io/hqq_blog). It needs no data, and minimizes an error that outliers weigh little in:
 *
 *   min over z, E of  Σ |E|^p + β/2 · Σ (w/s − (q − z) − E)²   with q = clamp(round(w/s + z), 0, 15), p = 0.7
 *
 * by turns, β growing by κ each time:
 *   E ← shrink(w/s − (q − z)),  shrink(x) = sign(x) · max(0, |x| − |x|^(p − 1) / β)
 *   z ← mean(q − (w/s − E))
 *
 * z is a fraction. Where zero points are to be whole, z stays as rounding to nearest has it and the same quadratic is
 * solved for the scale:
 *   s ← s · Σ (w/s − E)(q − z) / Σ (q − z)²
 *
 * Two differences from the authors' code: errors are in steps of the grid instead of in units of the weights, so that β
 * means the same for every layer; and every block stops by itself, keeping the best grid seen, rounding to nearest
 * among them. So no block's Σ |w − s(q − z)|^p is ever larger than that of rounding to nearest.
 */
import { type Bits, codeOf, type Grid, topCode } from './grid'

export const NORM = 0.7
const BETA = 10
const KAPPA = 1.01
const ITERATIONS = 20

/** The better of the grid of rounding to nearest and what the solver makes of it; z is fractional where it may be. */
export function halfQuadratic(block: Float32Array, nearest: Grid, fractional: boolean, bits: Bits = 4): Grid {
  const top = topCode(bits)
  const whole = descend(block, nearest, fractional ? null : 'scale', top)
  if (!fractional) return whole
  const free = descend(block, tightGrid(block, top) ?? nearest, 'zero', top)
  return free.error < whole.error ? free : whole
}

/** The range of the block itself, with the zero point wherever it falls; null when all values are equal. */
function tightGrid(block: Float32Array, top: number): Grid | null {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of block) {
    if (value < min) min = value
    if (value > max) max = value
  }
  const scale = Math.fround((max - min) / top)
  return scale > 0 ? { scale, zero: Math.fround(-min / scale) } : null
}

/** Goes on while the error falls. `moved` null only measures the error. */
function descend(
  block: Float32Array,
  start: Grid,
  moved: 'zero' | 'scale' | null,
  top: number,
): Grid & { error: number } {
  let { scale, zero } = start
  let best = { scale, zero, error: Number.POSITIVE_INFINITY }
  for (let i = 0, beta = BETA; i <= ITERATIONS; i++, beta *= KAPPA) {
    const { error, nextZero, factor } = step(block, scale, zero, beta, top)
    if (!(error < best.error)) break
    best = { scale, zero, error }
    if (moved === 'zero') zero = Math.fround(nextZero)
    else if (moved === 'scale' && factor > 0) scale = Math.fround(scale * factor)
    else break
  }
  return best
}

/** Σ |w − s(q − z)|^p of a grid, and where the solver would go from it. */
function step(block: Float32Array, scale: number, zero: number, beta: number, top: number) {
  let [error, zeros, product, squares] = [0, 0, 0, 0]
  for (const value of block) {
    const steps = value / scale
    const code = codeOf(steps + zero, top)
    const level = code - zero
    const off = steps - level
    const size = Math.abs(off)
    let kept = steps
    if (size > 0) {
      const power = size ** (NORM - 1)
      error += size * power
      kept -= Math.sign(off) * Math.max(0, size - power / beta)
    }
    zeros += code - kept
    product += kept * level
    squares += level * level
  }
  return {
    error: error * Math.abs(scale) ** NORM,
    nextZero: zeros / block.length,
    factor: product / squares,
  }
}
