/**
 * Clipping of weights: the bound t of a channel (or tensor) for which rounding to the codes of [−t, t] has the least
 * squared error, Σ (w − Q_t(w))², over the weights themselves. Where one end is free too (unsigned codes with one
 * scale), over their histogram: see mse-range.ts.
 */
import { affineFor, type CodeRange, type Range, rangeOf, representable, roundHalfEven } from '../affine'
import { Histogram } from './histogram'
import { mseRange } from './mse-range'

/** Bounds tried: a geometric row from the largest magnitude down to a fifth of it, then finer around the best. */
const RATIO = 0.94
const LEAST = 0.2
const REFINEMENTS = 2
const BINS = 2048

/** For every index of `axis` (one for all where it is null), the bound of least squared error; 0 where all are 0. */
export function leastErrorBounds(
  values: Float32Array,
  dims: readonly number[],
  axis: number | null,
  codes: CodeRange,
): Float64Array {
  if (axis === null) return Float64Array.of(leastErrorBound(values, codes))
  const channels = dims[axis] ?? 0
  const inner = dims.slice(axis + 1).reduce((product, d) => product * d, 1)
  const outer = channels === 0 ? 0 : values.length / (channels * inner)
  const own = new Float32Array(outer * inner)
  return Float64Array.from({ length: channels }, (_, channel) => {
    for (let o = 0; o < outer; o++) {
      const from = (o * channels + channel) * inner
      for (let i = 0; i < inner; i++) own[o * inner + i] = values[from + i] as number
    }
    return leastErrorBound(own, codes)
  })
}

/** The range of least squared error of a whole tensor with both ends free. */
export function leastErrorRange(values: Float32Array, codes: CodeRange): Range {
  const range = rangeOf(values)
  const bound = Math.max(-range.min, range.max)
  if (!(bound > 0)) return range
  const histogram = new Histogram(-bound, bound, BINS, 'nonzero')
  histogram.add(values)
  return mseRange(histogram, range, codes, false)
}

function leastErrorBound(values: Float32Array, codes: CodeRange): number {
  const { min, max } = rangeOf(values)
  const most = Math.max(-min, max)
  if (!(most > 0)) return 0
  let best = most
  let least = squaredError(values, most, codes)
  const attempt = (bound: number) => {
    const error = squaredError(values, bound, codes)
    if (error < least) [best, least] = [bound, error]
  }
  for (let share = RATIO; share > LEAST; share *= RATIO) attempt(most * share)
  let ratio = RATIO
  for (let i = 0; i < REFINEMENTS; i++) {
    ratio = Math.sqrt(ratio)
    const centre = best
    attempt(centre * ratio)
    if (centre < most) attempt(Math.min(most, centre / ratio))
  }
  return best
}

function squaredError(values: Float32Array, bound: number, codes: CodeRange): number {
  const affine = affineFor({ min: -bound, max: bound }, codes, true)
  const ends = representable(affine, codes)
  const { scale } = affine
  let error = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const rounded = scale * roundHalfEven(value / scale)
    const shown = rounded < ends.min ? ends.min : rounded > ends.max ? ends.max : rounded
    error += (value - shown) * (value - shown)
  }
  return error
}
