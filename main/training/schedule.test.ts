import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { learningRate, type ScheduleKind } from './schedule'

/** Made by PyTorch: bench/schedule-goldens.py */
const GOLDENS = JSON.parse(readFileSync(new URL('schedule-goldens.json', import.meta.url), 'utf8')) as {
  peak: number
  cases: { kind: ScheduleKind; warmup: number; steps: number; rates: number[] }[]
}

it.each(GOLDENS.cases.map(c => [`${c.kind}, ${c.steps} steps, warm-up ${c.warmup}`, c] as const))(
  'is that of PyTorch: %s',
  (_, { kind, warmup, steps, rates }) => {
    rates.forEach((rate, step) => {
      expect(learningRate({ kind, peak: GOLDENS.peak, warmup, steps }, step)).toBeCloseTo(rate, 12)
    })
  },
)

it('rises to the peak over the warm-up and never goes above it or below zero', () => {
  for (const kind of ['cosine', 'one-cycle', 'step', 'constant'] as const) {
    for (const [warmup, steps] of [
      [0, 1],
      [0.5, 1],
      [1, 7],
      [0.05, 3],
      [0.2, 1000],
    ] as const) {
      const rates = Array.from({ length: steps }, (_, s) => learningRate({ kind, peak: 2, warmup, steps }, s))
      expect(rates.every(rate => rate > 0 && rate <= 2)).toBe(true)
    }
  }
  expect(learningRate({ kind: 'constant', peak: 2, warmup: 0.2, steps: 10 }, 0)).toBe(1)
  expect(learningRate({ kind: 'constant', peak: 2, warmup: 0.2, steps: 10 }, 1)).toBe(2)
  expect(learningRate({ kind: 'constant', peak: 2, warmup: 0.2, steps: 10 }, 9)).toBe(2)
})
