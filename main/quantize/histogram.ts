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
   * @param absolute counts |x| instead of x
   */
  constructor(
    readonly low: number,
    readonly high: number,
    bins: number,
    private readonly absolute: boolean,
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
    if (this.absolute) {
      for (let i = 0; i < values.length; i++) {
        const bin = ((Math.abs(values[i] as number) - low) * perBin) | 0
        counts[bin < 0 ? 0 : bin > last ? last : bin] = (counts[bin < 0 ? 0 : bin > last ? last : bin] as number) + 1
      }
      return
    }
    for (let i = 0; i < values.length; i++) {
      let bin = (((values[i] as number) - low) * perBin) | 0
      if (bin > last) bin = last
      else if (bin < 0) bin = 0
      counts[bin] = (counts[bin] as number) + 1
    }
  }
}
