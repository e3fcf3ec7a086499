import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { channelBars, extentOf, logBars, placeOf, placeText, widestChannel } from './histogram'

describe('bars of a histogram', () => {
  it('hold every count once, however they divide', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 60 }),
        (counts, bars) => {
          const heights = logBars({ low: -1, high: 3, counts }, { low: -1, high: 3 }, bars)
          expect(heights).toHaveLength(bars)
          const empty = counts.every(c => c === 0)
          expect(Math.max(...heights)).toBeCloseTo(empty ? 0 : 1)
          expect(Math.min(...heights)).toBeGreaterThanOrEqual(0)
        },
      ),
    )
  })

  it('are by the logarithm: one value beside a thousand is seen', () => {
    const [many, one] = logBars({ low: 0, high: 2, counts: [1000, 1] }, { low: 0, high: 2 }, 2)
    expect(many).toBe(1)
    expect(one).toBeCloseTo(Math.log(2) / Math.log(1001))
  })

  it('stand on an axis that has room for every range, and for a single value', () => {
    const ranges = [{ calibration: 'minmax' as const, min: -2, max: 1, sqnr: 30 }]
    expect(extentOf({ histogram: { low: -1, high: 1, counts: [1] }, ranges })).toEqual({ low: -2, high: 1 })
    const single = extentOf({ histogram: { low: 4, high: 4, counts: [1] }, ranges: [] })
    expect(placeOf(4, single)).toBe(0.5)
    expect(logBars({ low: 4, high: 4, counts: [9] }, single, 8).filter(h => h > 0)).toEqual([1])
  })
})

describe('channels', () => {
  it('share bars where there is no room, and the widest is named', () => {
    const channels = { min: [-1, -9, -1, -1, -1], max: [1, 2, 1, 1, 1] }
    expect(channelBars(channels, 5)).toHaveLength(5)
    expect(channelBars(channels, 2)).toEqual([
      { first: 0, count: 3, min: -9, max: 2 },
      { first: 3, count: 2, min: -1, max: 1 },
    ])
    expect(widestChannel(channels)).toEqual({ channel: 1, times: 9 })
    expect(widestChannel({ min: [0, 0], max: [0, 0] })).toBeNull()
  })
})

describe('places', () => {
  it('are written short', () => {
    expect([0, -0.4242, 38.46, 1234.5, 1.25e-5].map(placeText)).toEqual([
      '0',
      '−0.424',
      '38.5',
      '1230',
      '1.3e-5',
    ])
  })
})
