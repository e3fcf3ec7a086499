/**
 * Histograms of activations for the entropy and percentile calibrations. The range is known before the first value
 * arrives (a min–max pass comes first), so no bin ever moves and nothing but the counts is kept.
 */

export class Histogram {
  /** Values per bin. */
  readonly counts: Float64Array
  private readonly perBin: number

  /**
   * @param low left edge of the first bin
   * @param high right edge of the last bin, which belongs to it
   * @param bins number of equal bins
   * @param count what is counted: every value, its magnitude, or every value but zeros
   */
  constructor(
    readonly low: number,
    readonly high: number,
    bins: number,
    private readonly count: 'values' | 'magnitudes' | 'nonzero',
  ) {
    this.counts = new Float64Array(bins)
    this.perBin = high > low ? bins / (high - low) : 0
  }

  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0)
  }

  /** Left edge of bin i; edge(bins) is the right edge of the last. */
  edge(i: number): number {
    return this.low + ((this.high - this.low) * i) / this.counts.length
  }

  /** Counts values; what lies outside the range goes into the outermost bins. */
  add(values: Float32Array): void {
    const bits = new Int32Array(values.buffer, values.byteOffset, values.length)
    const tally = new Uint32Array(this.counts.length)
    let zeros = values.length
    for (let from = 0; from < values.length; from += PART) {
      const count = gatherNonzero(bits, from, Math.min(from + PART, bits.length))
      zeros -= count
      this.tally(count, tally)
    }
    const { counts, low, perBin } = this
    for (let bin = 0; bin < counts.length; bin++)
      counts[bin] = (counts[bin] as number) + (tally[bin] as number)
    if (this.count === 'nonzero' || zeros === 0) return
    const bin = Math.min(counts.length - 1, Math.max(0, Math.trunc(-low * perBin)))
    counts[bin] = (counts[bin] as number) + zeros
  }

  /** Counts the first `count` values of `gathered`. */
  private tally(count: number, tally: Uint32Array): void {
    const { low, perBin } = this
    const last = tally.length - 1
    const magnitudes = this.count === 'magnitudes'
    for (let i = 0; i < count; i++) {
      const value = gathered[i] as number
      let bin = (((magnitudes ? Math.abs(value) : value) - low) * perBin) | 0
      if (bin > last) bin = last
      else if (bin < 0) bin = 0
      tally[bin] = (tally[bin] as number) + 1
    }
  }
}

const PART = 8192
const gathered = new Float32Array(PART)
const gatheredBits = new Int32Array(gathered.buffer)

/**
 * Copies the values that are not zero to the front of `gathered`; returns how many. Half of what a Relu makes is zero,
 * in no order that a processor could guess, so it is done without a branch: both zeros have no bits but the sign.
 */
function gatherNonzero(bits: Int32Array, from: number, to: number): number {
  let count = 0
  for (let i = from; i < to; i++) {
    const value = bits[i] as number
    gatheredBits[count] = value
    const rest = value << 1
    count += (rest | -rest) >>> 31
  }
  return count
}
