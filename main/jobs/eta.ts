/**
 * Time left of a task that reports fractions. The speed is a mean of the speeds seen, each weighted by
 * exp(-age / MEMORY): it follows a task whose stages differ, without jumping at every report.
 */

/** Seconds after which an observed speed counts for 1/e. */
const MEMORY = 20
/** Nothing is said before so many seconds and so large a share. */
const QUIET_SECONDS = 1.5
const QUIET_SHARE = 0.03

export class TimeLeft {
  private readonly start: number
  private lastTime: number
  private done = 0
  private spent = 0

  /**
   * @param lastFraction what was done before: a task that is taken up again did not do it in no time
   * @param clock seconds, monotonic
   */
  constructor(
    private lastFraction = 0,
    private readonly clock: () => number = () => performance.now() / 1000,
  ) {
    this.start = clock()
    this.lastTime = this.start
  }

  /** Takes a report (0…1) and answers with the seconds left; null until it can be told. */
  update(fraction: number): number | null {
    const now = this.clock()
    const elapsed = now - this.lastTime
    // Reports closer than this say nothing about speed; they are taken together with the next one.
    if (elapsed > 0.05 && fraction > this.lastFraction) {
      const keep = Math.exp(-elapsed / MEMORY)
      this.done = this.done * keep + (fraction - this.lastFraction)
      this.spent = this.spent * keep + elapsed
      this.lastTime = now
      this.lastFraction = fraction
    }
    if (now - this.start < QUIET_SECONDS || fraction < QUIET_SHARE || this.done === 0) return null
    return ((1 - fraction) * this.spent) / this.done
  }
}
