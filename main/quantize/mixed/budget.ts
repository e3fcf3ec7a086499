/** Time that a search may use, told by the clock. */
import type { TaskContext } from '../../jobs/context'

export class Budget {
  private readonly start = performance.now()
  private longest = 0
  /** Milliseconds. */
  readonly total: number
  /** The moment it is over, ISO 8601. */
  readonly endsAt: string

  constructor(
    minutes: number,
    private readonly context: TaskContext,
  ) {
    this.total = minutes * 60_000
    this.endsAt = new Date(Date.now() + this.total).toISOString()
  }

  /** Times a trial. */
  async trial<T>(made: Promise<T>): Promise<T> {
    const before = this.used()
    const found = await made
    this.longest = Math.max(this.longest, this.used() - before)
    return found
  }

  /** True when a further trial may end after the time that is there, or a person asks for the end. */
  over(): boolean {
    return this.used() + this.longest > this.total || this.context.asked?.() === 'finish'
  }

  share(): number {
    return Math.min(0.99, 0.03 + 0.96 * (this.used() / this.total))
  }

  private used(): number {
    return performance.now() - this.start
  }
}
