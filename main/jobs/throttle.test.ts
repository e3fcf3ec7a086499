import { expect, test, vi } from 'vitest'
import { Throttle } from './throttle'

test('[J20] the first goes at once, then the newest at intervals, and the last is never lost', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const sent: number[] = []
    const throttle = new Throttle<number>(500, value => sent.push(value))
    for (const value of [1, 2, 3]) throttle.push(value)
    expect(sent).toEqual([1])
    vi.advanceTimersByTime(500)
    expect(sent).toEqual([1, 3])
    vi.advanceTimersByTime(5000)
    expect(sent).toEqual([1, 3])
    for (const value of [4, 5]) throttle.push(value)
    throttle.flush()
    throttle.flush()
    vi.advanceTimersByTime(5000)
    expect(sent).toEqual([1, 3, 4, 5])
  } finally {
    vi.useRealTimers()
  }
})
