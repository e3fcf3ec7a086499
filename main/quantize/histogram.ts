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
    const { counts, low, perBin } = this
    const last = counts.length - 1
    const magnitudes = this.count === 'magnitudes'
    const keepZeros = this.count !== 'nonzero'
    let zeros = 0
    for (let i = 0; i < values.length; i++) {
      let value = values[i] as number
      // Half of what a Relu makes is zero: one bin would be written again and again.
      if (value === 0) {
        zeros++
        continue
      }
      if (magnitudes && value < 0) value = -value
      let bin = ((value - low) * perBin) | 0
      if (bin > last) bin = last
      else if (bin < 0) bin = 0
      counts[bin] = (counts[bin] as number) + 1
    }
    if (keepZeros && zeros > 0) {
      const bin = Math.min(last, Math.max(0, Math.trunc(-low * perBin)))
      counts[bin] = (counts[bin] as number) + zeros
    }
  }
}
