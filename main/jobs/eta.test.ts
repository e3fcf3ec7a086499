import { expect, test } from 'vitest'
import { TimeLeft } from './eta'

/** Feeds `[seconds, fraction]` reports; answers with what was said after each. */
function said(reports: [number, number][], before = 0): (number | null)[] {
  let now = 0
  const left = new TimeLeft(before, () => now)
  return reports.map(([time, fraction]) => {
    now = time
    return left.update(fraction)
  })
}

test('[J10] a steady task is told exactly', () => {
  const reports = Array.from({ length: 10 }, (_, i): [number, number] => [i + 1, (i + 1) / 20])
  expect(said(reports).at(-1)).toBeCloseTo(10, 6)
})

test('[J10] what was done before a task was taken up again does not count', () => {
  const reports = Array.from({ length: 10 }, (_, i): [number, number] => [i + 1, 0.5 + (i + 1) / 100])
  expect(said(reports, 0.5).at(-1)).toBeCloseTo(40, 6)
})

test('[J10] nothing is said before it can be told', () => {
  expect(said([[0.5, 0.2]])).toEqual([null])
  expect(said([[5, 0.01]])).toEqual([null])
})

test('[J10] a task that becomes slower is followed within its memory', () => {
  const fast = Array.from({ length: 10 }, (_, i): [number, number] => [i + 1, (i + 1) * 0.05])
  const slow = Array.from({ length: 60 }, (_, i): [number, number] => [11 + i, 0.5 + (i + 1) * 0.005])
  const last = said([...fast, ...slow]).at(-1) ?? 0
  // 0.2 is left at 0.005 a second: 40 s. The fast start still counts a little.
  expect(last).toBeGreaterThan(30)
  expect(last).toBeLessThan(41)
})

test('[J10] repeated reports of the same fraction do not stop the clock', () => {
  const [, , last] = said([
    [2, 0.5],
    [4, 0.5],
    [6, 0.6],
  ])
  // 0.6 in 6 s, the older half weighted less: between 4 s at the mean speed and 16 s at the last one.
  expect(last).toBeGreaterThan(4)
  expect(last).toBeLessThan(16)
})
