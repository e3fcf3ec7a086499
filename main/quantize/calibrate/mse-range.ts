/**
 * The range of least squared rounding error over a histogram.
 *
 *   E(a, b) = Σ_i c_i / |bin_i| · ∫_{bin_i} (x − Q(x))² dx
 *
 * Q rounds to the codes that the range [a, b] gets (see affine.ts) and clips what lies outside; values are taken to be
 * spread evenly within their bin. With the scale s, k = round(t / s) and f = t / s − k, the integral of the error from
 * zero to t is s³ · (k / 12 + f³ / 3) inside the range, and that at the last code l plus (t − l)³ / 3 beyond it.
 * As in Banner et al., Post training 4-bit quantization of convolutional networks, NeurIPS 2019 (arXiv:1810.05723),
 * but with the error of the values there are in place of a distribution fitted to them, and both ends free.
 */
import { affineFor, type CodeRange, type Range, representable } from '../affine'
import type { Histogram } from './histogram'

/** Thresholds tried: a geometric row from the whole range down to the width of a bin, then finer around the best. */
const RATIO = 0.8
const REFINEMENTS = 4
/** Steps to either side of the best in every refinement. */
const AROUND = 2

/**
 * The part of `range` (the least and largest value, which the histogram must cover) to be represented. Deterministic;
 * ties go to the widest. `symmetric`: whether the codes will lie symmetric about zero, for then one end follows from
 * the other.
 */
export function mseRange(histogram: Histogram, range: Range, codes: CodeRange, symmetric: boolean): Range {
  const low = Math.min(range.min, 0)
  const high = Math.max(range.max, 0)
  const filled = filledBins(histogram)
  if (filled === null || low === high) return range
  const tied = symmetric && low < 0
  const bound = Math.max(-low, high)
  const at = (below: number, above: number): Range =>
    tied
      ? { min: Math.max(low, -bound * above), max: Math.min(high, bound * above) }
      : { min: low * below, max: high * above }
  const cost = (candidate: Range) => rangeError(histogram, candidate, codes, symmetric, filled)
  let best = { below: 1, above: 1, error: cost(at(1, 1)) }
  const attempt = (belows: readonly number[], aboves: readonly number[]) => {
    for (const above of high > 0 || tied ? aboves : [1]) {
      for (const below of low < 0 && !tied ? belows : [1]) {
        const error = cost(at(below, above))
        if (error < best.error) best = { below, above, error }
      }
    }
  }
  const row = thresholds(Math.max(2, histogram.counts.length))
  attempt(row, row)
  let ratio = RATIO
  for (let i = 0; i < REFINEMENTS; i++) {
    ratio = Math.sqrt(ratio)
    attempt(around(best.below, ratio), around(best.above, ratio))
  }
  return at(best.below, best.above)
}

/** Squared rounding error of all that is counted, when `range` is represented. */
export function rangeError(
  histogram: Histogram,
  range: Range,
  codes: CodeRange,
  symmetric: boolean,
  filled = filledBins(histogram),
): number {
  if (filled === null) return 0
  const affine = affineFor(range, codes, symmetric)
  const { scale } = affine
  const ends = representable(affine, codes)
  const cube = scale ** 3
  const inside = (t: number) => {
    const k = Math.round(t / scale)
    const f = t / scale - k
    return cube * (k / 12 + (f * f * f) / 3)
  }
  const [least, most] = [inside(ends.min), inside(ends.max)]
  const upTo = (t: number) => {
    const past = t > ends.max ? t - ends.max : t < ends.min ? t - ends.min : 0
    return past === 0 ? inside(t) : (past > 0 ? most : least) + (past * past * past) / 3
  }
  const { counts } = histogram
  const width = (histogram.high - histogram.low) / counts.length
  let error = 0
  let before = upTo(histogram.edge(filled.first))
  for (let i = filled.first; i < filled.past; i++) {
    const after = upTo(histogram.low + width * (i + 1))
    error += (counts[i] as number) * (after - before)
    before = after
  }
  return error / width
}

interface Filled {
  first: number
  past: number
}

/** The bins from the first to before the last that hold something; null when none does. */
function filledBins({ counts }: Histogram): Filled | null {
  const first = counts.findIndex(count => count > 0)
  return first < 0 ? null : { first, past: counts.findLastIndex(count => count > 0) + 1 }
}

function thresholds(bins: number): number[] {
  const row = [1]
  for (let t = RATIO; t > 2 / bins; t *= RATIO) row.push(t)
  return row
}

function around(centre: number, ratio: number): number[] {
  const row: number[] = []
  for (let i = -AROUND; i <= AROUND; i++) row.push(Math.min(1, centre * ratio ** i))
  return row
}
