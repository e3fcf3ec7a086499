/**
 * Calls `act` for a key at once and then at most once per `interval` milliseconds; what was asked for in between is
 * made up for at the end of the interval, so that the last change is never lost.
 */
export function throttled(act: (key: string) => void, interval: number): (key: string) => void {
  const waiting = new Map<string, { again: boolean }>()
  function open(key: string): void {
    const entry = { again: false }
    waiting.set(key, entry)
    act(key)
    setTimeout(() => {
      waiting.delete(key)
      if (entry.again) open(key)
    }, interval)
  }
  return key => {
    const entry = waiting.get(key)
    if (entry) entry.again = true
    else open(key)
  }
}
