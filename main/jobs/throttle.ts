/** Passing on the newest of many values, at most once in `everyMs`; the last one is never lost. */
export class Throttle<T> {
  private pending: { value: T } | undefined
  private timer: NodeJS.Timeout | undefined
  private sent = Number.NEGATIVE_INFINITY

  constructor(
    private readonly everyMs: number,
    private readonly send: (value: T) => void,
  ) {}

  push(value: T): void {
    this.pending = { value }
    const wait = this.sent + this.everyMs - performance.now()
    if (wait <= 0) this.flush()
    // A caller whose event loop turns is told of in time; one that hogs it, at its next push.
    else this.timer ??= setTimeout(() => this.flush(), wait)
  }

  /** Sends what waits. */
  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (!this.pending) return
    const { value } = this.pending
    this.pending = undefined
    this.sent = performance.now()
    this.send(value)
  }
}
