import { expect, test } from 'vitest'
import type { Plan } from '../../shared/domain'
import type { SearchTrial } from '../../shared/quantize'
import { searchTable } from './search-table'

const trial = (given: Partial<SearchTrial>): SearchTrial => ({
  float: [],
  wide: [],
  settings: {},
  value: 0.9,
  drop: { value: 0.08, low: 0.05, high: 0.11 },
  milliseconds: null,
  sizeBytes: 430_000,
  macs: 1,
  allowed: false,
  seconds: 1,
  ...given,
})

function planOf(trials: SearchTrial[], best: number): Plan {
  const search = {
    metric: 'accuracy',
    reference: 0.98,
    allowed: 0.005,
    samples: 500,
    trials,
    best,
    ended: 'finished',
  }
  return { technique: 'quantize.mixed', version: 1, seed: 0, options: {}, decisions: { search }, notes: [] }
}

test('tells each trial, what was different in it, and which is the best', () => {
  const drop = { value: 0.002, low: -0.003, high: 0.007 }
  const best = trial({
    float: ['a', 'b', 'c', 'd'],
    wide: ['e'],
    value: 0.978,
    drop,
    milliseconds: 0.2345,
    macs: 0.84,
  })
  const trials = [trial({}), trial({ settings: { equalize: true, calibration: 'mse' } }), best]
  expect(searchTable(planOf(trials, 2)).join('\n').split('\n')).toEqual([
    '   trial  accuracy  lost   latency    size  work in 8 bits  what',
    '       1   90.00 %  8.00         –  430 kB           100 %  all in 8 bits',
    '       2   90.00 %  8.00         –  430 kB           100 %  all in 8 bits, equalize, calibration mse',
    '→      3   97.80 %  0.20  0.234 ms  430 kB            84 %  float: a, b, c and 1 more, 16 bits: e',
    '',
  ])
})

test('of many trials the first ones and the best are shown', () => {
  const trials = Array.from({ length: 30 }, (_, i) => trial({ float: [`n${i}`] }))
  const [table = '', rest] = searchTable(planOf(trials, 25))
  expect(table.split('\n')).toHaveLength(13)
  expect(table.split('\n').at(-1)).toMatch(/^→ +26 .* float: n25$/)
  expect(rest).toBe('… and 18 more, in the JSON')
})

test('a plan that was not searched for has none', () => {
  const { decisions, ...plan } = planOf([], 0)
  expect(searchTable({ ...plan, decisions: { nodes: [], was: decisions.was } })).toEqual([])
})
