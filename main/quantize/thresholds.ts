/**
 * From a histogram to the range that is worth representing.
 *
 * Percentile: over |x|, the left edge e of the first bin whose cumulative share reaches the percentile; the range is
 * [−e, e].
 *
 * Entropy (Migacz, "8-bit Inference with TensorRT", GTC 2017; the variant over signed values of MXNet and ONNX
 * Runtime): for every window centred on zero, P is the histogram inside it with the outliers added to its end bins,
 * Q is the same merged into `levels` bins and spread again evenly; the window with the least KL(P ‖ Q) wins. Details
 * kept from ONNX Runtime's tool so that both give the same answer: spread counts are truncated to integers, a
 * remainder of bins beyond levels·⌊size/levels⌋ counts into the last level but is spread to none, zeros are smoothed
 * with 0.0001, ties go to the narrowest window.
 */
import type { Range } from './affine'
import type { Histogram } from './histogram'

const SMOOTHING = 0.0001

/** Range that holds the given percentage of |x|. The histogram must be of absolute values. */
export function percentileRange(histogram: Histogram, percentile: number): Range {
  const { counts, total } = histogram
  let seen = 0
  let bin = 0
  // The first bin whose cumulative share reaches the percentile; its left edge bounds the range.
  for (; bin < counts.length; bin++) {
    seen += counts[bin] as number
    if (seen / total >= percentile / 100) break
  }
  const edge = histogram.edge(Math.min(bin, counts.length))
  return { min: -edge, max: edge }
}

/**
 * Range of least divergence. The histogram must be symmetric about zero with at least `levels` bins. Every `step`-th
 * window is tried.
 */
export function entropyRange(histogram: Histogram, levels: number, step = 1): Range {
  const { counts } = histogram
  const bins = counts.length
  const centre = bins >> 1
  const halfLevels = levels >> 1
  const before = new Float64Array(bins + 1)
  for (let i = 0; i < bins; i++) before[i + 1] = (before[i] as number) + (counts[i] as number)
  const total = before[bins] as number
  let best: Range = {
    min: histogram.edge(centre - halfLevels),
    max: histogram.edge(Math.min(centre + halfLevels + 1, bins)),
  }
  let least = Number.POSITIVE_INFINITY
  const p = new Float64Array(bins)
  const q = new Float64Array(bins)
  for (let half = halfLevels; half <= centre; half += step) {
    const start = centre - half
    const end = Math.min(centre + half + 1, bins)
    const size = end - start
    for (let i = 0; i < size; i++) p[i] = counts[start + i] as number
    p[0] = (p[0] as number) + (before[start] as number)
    p[size - 1] = (p[size - 1] as number) + total - (before[end] as number)
    spread(counts, start, end, p, q, levels)
    const divergence = klDivergence(p, q, size)
    if (divergence < least) {
      least = divergence
      best = { min: histogram.edge(start), max: histogram.edge(end) }
    }
  }
  return best
}

/** Fills q: counts[start … end) merged into `levels` and spread evenly over each level's width. */
function spread(
  counts: Float64Array,
  start: number,
  end: number,
  p: Float64Array,
  q: Float64Array,
  levels: number,
): void {
  const size = end - start
  const width = Math.floor(size / levels)
  q.fill(0, 0, size)
  for (let level = 0; level < levels; level++) {
    const from = level * width
    const to = from + width
    let sum = 0
    let filled = 0
    for (let i = from; i < to; i++) {
      sum += counts[start + i] as number
      if (p[i] !== 0) filled++
    }
    if (level === levels - 1) for (let i = to; i < size; i++) sum += counts[start + i] as number
    if (filled > 0) q.fill(Math.trunc(sum / filled), from, to)
  }
}

/** KL(p ‖ q) in nats after smoothing; infinite when either is empty or cannot be smoothed. */
function klDivergence(p: Float64Array, q: Float64Array, size: number): number {
  const sums = [p, q].map(values => {
    let zeros = 0
    let sum = 0
    for (let i = 0; i < size; i++) {
      const value = values[i] as number
      sum += value
      if (value === 0) zeros++
    }
    return { zeros, sum, taken: (SMOOTHING * zeros) / (size - zeros) }
  })
  const [ofP, ofQ] = sums as [
    { zeros: number; sum: number; taken: number },
    { zeros: number; sum: number; taken: number },
  ]
  if (ofP.zeros === size || ofQ.zeros === size || ofP.taken >= 1 || ofQ.taken >= 1)
    return Number.POSITIVE_INFINITY
  // Smoothing moves mass, it adds none: the sums stay as they are.
  let divergence = 0
  for (let i = 0; i < size; i++) {
    const a = (p[i] === 0 ? SMOOTHING : (p[i] as number) - ofP.taken) / ofP.sum
    const b = (q[i] === 0 ? SMOOTHING : (q[i] as number) - ofQ.taken) / ofQ.sum
    divergence += a * Math.log(a / b)
  }
  return divergence
}
