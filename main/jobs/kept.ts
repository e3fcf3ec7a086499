/** Values that take long to make, kept by key: the ones used last, at most `limit`. */
export class Kept<T> {
  private readonly values = new Map<string, Promise<T>>()

  /** @param dispose called with a value that makes room for others */
  constructor(
    private readonly limit: number,
    private readonly dispose: (value: T) => unknown = () => {},
  ) {}

  /** The value of a key, made when it is not there. A failure is not kept: its cause may be gone next time. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.values.get(key)
    const value = known ?? make()
    this.values.delete(key) // the one used last is dropped last
    this.values.set(key, value)
    if (!known) value.catch(() => this.values.delete(key))
    for (const [old, stale] of this.values) {
      if (this.values.size <= this.limit) break
      this.values.delete(old)
      stale.then(this.dispose).catch(() => {})
    }
    return value
  }
}
