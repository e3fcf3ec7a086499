import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bootstrap,
  bootstrapDifference,
  bootstrapMeasured,
  meanOf,
  random,
  ratioOfMedians,
} from './bootstrap'
import {
  binomialHalfCdf,
  mcNemar,
  median,
  medianInterval,
  pairedShareDifference,
  quantile,
  wilson,
} from './statistics'

const counts = fc
  .integer({ min: 1, max: 5000 })
  .chain(n => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)))
const discordant = fc
  .tuple(
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 0, max: 5000 }),
  )
  .map(([b, c, rest]) => ({ b, c, n: b + c + rest }))
  .filter(x => x.n > 0)

describe('wilson', () => {
  it('contains the estimate and stays within 0 and 1', () => {
    fc.assert(
      fc.property(counts, ([k, n]) => {
        const { value, low, high } = wilson(k, n)
        expect(value).toBe(k / n)
        expect(low).toBeLessThanOrEqual(value)
        expect(high).toBeGreaterThanOrEqual(value)
        expect(low).toBeGreaterThanOrEqual(0)
        expect(high).toBeLessThanOrEqual(1)
        expect(high - low).toBeGreaterThan(0)
      }),
    )
  })

  it('is symmetric in success and failure', () => {
    fc.assert(
      fc.property(counts, ([k, n]) => {
        expect(wilson(k, n).low).toBeCloseTo(1 - wilson(n - k, n).high, 12)
      }),
    )
  })

  it('gives the published example: 81 of 263 (Newcombe 1998, table I)', () => {
    const { low, high } = wilson(81, 263)
    expect(low).toBeCloseTo(0.2553, 4)
    expect(high).toBeCloseTo(0.3662, 4)
  })
})

describe('mcNemar', () => {
  it('is symmetric, within 0 and 1, and 1 without a preponderance', () => {
    fc.assert(
      fc.property(discordant, ({ b, c }) => {
        const p = mcNemar(b, c)
        expect(p).toBe(mcNemar(c, b))
        expect(p).toBeGreaterThan(0)
        expect(p).toBeLessThanOrEqual(1)
        expect(mcNemar(b, b)).toBe(1)
      }),
    )
  })

  it('equals sums that can be done by hand', () => {
    expect(mcNemar(0, 5)).toBeCloseTo(2 / 32, 15)
    expect(mcNemar(1, 6)).toBeCloseTo((2 * (1 + 7)) / 128, 14)
  })

  it('sums both tails to one', () => {
    for (const n of [1, 2, 29, 30, 1001, 100_000]) {
      const k = Math.floor(n * 0.499)
      expect(binomialHalfCdf(k, n) + binomialHalfCdf(n - k - 1, n)).toBeCloseTo(1, 11)
    }
  })
})

describe('pairedShareDifference', () => {
  it('contains the estimate and mirrors when the models change places', () => {
    fc.assert(
      fc.property(discordant, ({ b, c, n }) => {
        const ab = pairedShareDifference(b, c, n)
        const ba = pairedShareDifference(c, b, n)
        expect(ab.low).toBeLessThanOrEqual(ab.value + 1e-12)
        expect(ab.high).toBeGreaterThanOrEqual(ab.value - 1e-12)
        expect(ab.low).toBeCloseTo(-ba.high, 9)
      }),
    )
  })

  it('excludes zero exactly when McNemar chi-square without correction exceeds 1.96²', () => {
    fc.assert(
      fc.property(discordant, ({ b, c, n }) => {
        fc.pre(b + c > 0)
        const chi = Math.abs(b - c) / Math.sqrt(b + c)
        fc.pre(Math.abs(chi - 1.959964) > 1e-4)
        const { low, high } = pairedShareDifference(b, c, n)
        expect(low > 0 || high < 0).toBe(chi > 1.959964)
      }),
    )
  })
})

describe('medianInterval', () => {
  it('brackets the median and takes the textbook ranks', () => {
    const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1)
    // Ranks 40 and 61 of 100 are the textbook answer (coverage 96.5 %).
    expect(medianInterval(sorted)).toEqual({ low: 40, high: 61 })
    expect(medianInterval(sorted.slice(0, 10))).toEqual({ low: 2, high: 9 })
    expect(medianInterval(sorted.slice(0, 3))).toEqual({ low: 1, high: 3 })
  })

  it('covers the true median in at least 93 % of many samples', () => {
    const next = random(1)
    let covered = 0
    for (let trial = 0; trial < 2000; trial++) {
      const sorted = Float64Array.from({ length: 41 }, () => next() ** 3).sort()
      const { low, high } = medianInterval(sorted)
      if (low <= 0.125 && high >= 0.125) covered++
    }
    expect(covered).toBeGreaterThan(1860)
  })
})

describe('quantile', () => {
  it('interpolates like numpy', () => {
    expect(quantile([1, 2, 3, 4], 0.9)).toBeCloseTo(3.7, 12)
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })
})

describe('bootstrap', () => {
  const values = Array.from({ length: 50 }, (_, i) => Math.sin(i) + 0.4)

  it('is deterministic, and another seed gives another sample', () => {
    const statistic = (s: Uint32Array) => meanOf(values, s)
    expect(bootstrap(50, statistic)).toEqual(bootstrap(50, statistic))
    expect(bootstrap(50, statistic, { seed: 1 })).not.toEqual(bootstrap(50, statistic, { seed: 2 }))
  })

  it('gives about the normal interval for a mean', () => {
    const { value, low, high } = bootstrapMeasured(50, s => meanOf(values, s))
    const mean = values.reduce((a, b) => a + b) / 50
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / 50 / 50)
    expect(value).toBeCloseTo(mean, 12)
    expect(((high ?? 0) - (low ?? 0)) / (2 * 1.96 * deviation)).toBeGreaterThan(0.9)
    expect(((high ?? 0) - (low ?? 0)) / (2 * 1.96 * deviation)).toBeLessThan(1.1)
  })

  it('shows a real difference and not a noise one', () => {
    const real = bootstrapDifference(50, s => meanOf(values, s))
    expect(real.low).toBeGreaterThan(0)
    expect(real.p).toBeLessThan(0.05)
    const noise = bootstrapDifference(50, s =>
      meanOf(
        values.map(v => v - 0.4),
        s,
      ),
    )
    expect(noise.low).toBeLessThan(0)
    expect(noise.high).toBeGreaterThan(0)
    expect(noise.p).toBeGreaterThan(0.05)
  })
})

describe('ratioOfMedians', () => {
  it('finds a 20 % difference under a drift that both share', () => {
    const next = random(3)
    const blocks = Array.from({ length: 40 }, (_, i) => {
      const drift = 1 + i / 20
      return { a: [drift + 0.1 * next()], b: [1.2 * (drift + 0.1 * next())] }
    })
    const { ratio, low, high } = ratioOfMedians(blocks)
    expect(ratio).toBeCloseTo(1.2, 1)
    expect(low).toBeLessThan(ratio)
    expect(high).toBeGreaterThan(ratio)
  })

  it('covers 1 when there is no difference', () => {
    const next = random(4)
    const blocks = Array.from({ length: 40 }, () => ({ a: [1 + next()], b: [1 + next()] }))
    const { low, high } = ratioOfMedians(blocks)
    expect(low).toBeLessThan(1)
    expect(high).toBeGreaterThan(1)
  })
})
