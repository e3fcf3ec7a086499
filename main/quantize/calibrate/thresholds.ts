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
import type { Range } from '../affine'
import type { Histogram } from './histogram'

const SMOOTHING = 0.0001
const LOG_SMOOTHING = Math.log(SMOOTHING)

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
  const bins = histogram.counts.length
  const centre = bins >> 1
  const halfLevels = levels >> 1
  const windows = new Windows(histogram.counts, levels)
  let best: Range = {
    min: histogram.edge(centre - halfLevels),
    max: histogram.edge(Math.min(centre + halfLevels + 1, bins)),
  }
  let least = Number.POSITIVE_INFINITY
  for (let half = halfLevels; half <= centre; half += step) {
    const start = centre - half
    const end = Math.min(centre + half + 1, bins)
    const divergence = windows.divergence(start, end)
    if (divergence < least) {
      least = divergence
      best = { min: histogram.edge(start), max: histogram.edge(end) }
    }
  }
  return best
}

/**
 * KL(P ‖ Q) in nats of windows of one histogram.
 *
 * Smoothing takes t = 0.0001·zeros / (size − zeros) from every value that is not zero and gives 0.0001 to each that is:
 * it moves mass and adds none. With the smoothed values p and q, and S and R their sums,
 * KL = (Σ p ln p − Σ p ln q) / S − ln S + ln R. Since q is the same throughout a level, the second sum needs only the
 * mass of P in each level, and levels and bins that are empty need not be looked at one by one.
 */
class Windows {
  /** At i: what the bins before i hold together, and how many of them are empty. */
  private readonly mass: Float64Array
  private readonly empty: Int32Array
  /** The bins from `first` to before `past` hold everything. */
  private readonly first: number
  private readonly past: number
  /** Of the levels that Q does not leave at zero: what each of their bins holds in Q, and their smoothed mass in P. */
  private readonly codes: Float64Array
  private readonly held: Float64Array

  constructor(
    private readonly counts: Float64Array,
    private readonly levels: number,
  ) {
    const { length } = counts
    this.mass = new Float64Array(length + 1)
    this.empty = new Int32Array(length + 1)
    this.codes = new Float64Array(levels)
    this.held = new Float64Array(levels)
    let [first, past] = [length, 0]
    for (let i = 0; i < length; i++) {
      const count = counts[i] as number
      this.mass[i + 1] = (this.mass[i] as number) + count
      this.empty[i + 1] = (this.empty[i] as number) + (count === 0 ? 1 : 0)
      if (count === 0) continue
      if (first === length) first = i
      past = i + 1
    }
    this.first = first
    this.past = past
  }

  /** Of the window [start, end); infinite when P or Q is empty or cannot be smoothed. */
  divergence(start: number, end: number): number {
    const { mass, empty, counts } = this
    const size = end - start
    const total = mass[counts.length] as number
    const below = mass[start] as number
    const above = total - (mass[end] as number)
    // An empty end bin is not empty in P when it takes outliers.
    const liftedFirst = counts[start] === 0 && below > 0 ? 1 : 0
    const liftedLast = counts[end - 1] === 0 && above > 0 ? 1 : 0
    const zeros = (empty[end] as number) - (empty[start] as number) - liftedFirst - liftedLast
    const taken = (SMOOTHING * zeros) / (size - zeros)
    const width = Math.floor(size / this.levels)
    const used = this.fillLevels(start, end, taken, below, above)
    let sum = 0
    for (let i = 0; i < used; i++) sum += (this.codes[i] as number) * width
    const zerosOfQ = size - used * width
    const takenOfQ = (SMOOTHING * zerosOfQ) / (size - zerosOfQ)
    if (zeros === size || used === 0 || taken >= 1 || takenOfQ >= 1) return Number.POSITIVE_INFINITY
    let cross = 0
    let rest = total
    for (let i = 0; i < used; i++) {
      cross += (this.held[i] as number) * Math.log((this.codes[i] as number) - takenOfQ)
      rest -= this.held[i] as number
    }
    cross += rest * LOG_SMOOTHING
    const own = zeros * SMOOTHING * LOG_SMOOTHING + this.ownSum(start, end, taken, below, above)
    return (own - cross) / total - Math.log(total) + Math.log(sum)
  }

  /** Fills `codes` and `held`; returns how many levels there are in them. */
  private fillLevels(start: number, end: number, taken: number, below: number, above: number): number {
    const { counts, mass, empty, codes, held, levels } = this
    const width = Math.floor((end - start) / levels)
    const from = Math.floor((Math.max(start, this.first) - start) / width)
    const to = Math.min(levels, Math.floor((Math.min(end, this.past) - 1 - start) / width) + 1)
    let used = 0
    for (let level = from; level < to; level++) {
      const left = start + level * width
      const right = left + width
      let zeros = (empty[right] as number) - (empty[left] as number)
      let inside = (mass[right] as number) - (mass[left] as number)
      // The bins after the last level count into it, and Q leaves them at zero.
      const merged = level === levels - 1 ? (mass[end] as number) - (mass[left] as number) : inside
      if (level === 0) {
        if (counts[start] === 0 && below > 0) zeros--
        inside += below
      }
      if (right === end) {
        if (counts[end - 1] === 0 && above > 0) zeros--
        inside += above
      }
      const code = zeros < width ? Math.trunc(merged / (width - zeros)) : 0
      if (code === 0) continue
      codes[used] = code
      held[used] = inside - (width - zeros) * taken + zeros * SMOOTHING
      used++
    }
    return used
  }

  /** Σ p ln p over the bins that are not empty in P. */
  private ownSum(start: number, end: number, taken: number, below: number, above: number): number {
    const { counts } = this
    const last = end - 1
    const plogp = (p: number) => (p === 0 ? 0 : (p - taken) * Math.log(p - taken))
    let sum = plogp((counts[start] as number) + below) + plogp((counts[last] as number) + above)
    const past = Math.min(last, this.past)
    for (let i = Math.max(start + 1, this.first); i < past; i++) {
      const count = counts[i] as number
      if (count !== 0) sum += (count - taken) * Math.log(count - taken)
    }
    return sum
  }
}
