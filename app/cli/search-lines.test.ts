import { expect, test } from 'vitest'
import type { LiveSearch } from '../../shared/quantize'
import { searchLines } from './search-lines'

const trial: LiveSearch['trials'][0] = {
  float: [],
  wide: [],
  value: 0.91,
  drop: { value: 0.06, low: 0.04, high: 0.08 },
  milliseconds: null,
  sizeBytes: 40_000,
  macs: 1,
  allowed: false,
  seconds: 1,
}
const better = {
  ...trial,
  float: ['y1'],
  drop: { ...trial.drop, value: 0.004 },
  milliseconds: 0.52,
  macs: 0.9,
  allowed: true,
}

test('says what is better than before, once', () => {
  const lines: string[] = []
  const hear = searchLines(line => lines.push(line))
  const search: LiveSearch = {
    metric: 'accuracy',
    reference: 0.97,
    allowed: 0.005,
    samples: 500,
    trials: [],
    best: null,
    ended: null,
    goal: 'fastest',
    minutes: 3,
    endsAt: '2026-03-02T09:12:00.000Z',
    labels: { y1: 'conv\u001b1' },
  }
  hear(search)
  hear({ ...search, trials: [trial], best: 0 })
  hear({ ...search, trials: [trial, trial], best: 0 })
  hear({ ...search, trials: [trial, trial, better], best: 2 })
  hear({ ...search, trials: [trial, trial, better], best: 2, ended: 'finished' })
  expect(lines).toEqual([
    'Trial 1, the best so far: loses 6.00 points of accuracy, which is too much, 40.0 kB, 100 % of the work in 8 bits',
    'Trial 3, the best so far: loses 0.40 points of accuracy, 520 µs, 40.0 kB, 90 % of the work in 8 bits; in float: conv\ufffd1',
  ])
})
