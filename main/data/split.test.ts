import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from './random'
import { makeSplits } from './split'

describe('Random', () => {
  it('draws the same numbers on every machine', () => {
    const random = new Random(0)
    // Computed by an independent implementation of splitmix64 and xoshiro128** (Python integers).
    expect(Array.from({ length: 4 }, () => random.bits())).toEqual([
      3737715805, 2584255861, 2876756834, 3286328325,
    ])
    expect([...new Random(-5).shuffle(Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7))].sort()).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ])
  })

  it('is uniform below a limit that does not divide 2^32', () => {
    const random = new Random(3)
    const counts = [0, 0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 70_000; i++) {
      const value = random.below(7)
      counts[value] = (counts[value] ?? 0) + 1
    }
    // Standard deviation of each count is about 93.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(450)
  })
})

const options = fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100), fc.nat(40)).map(([a, b, c, rest]) => {
  const sum = Math.max(1, a + b + c + rest)
  return { train: a / sum, calibration: b / sum, test: c / sum }
})

describe('makeSplits', () => {
  it('gives disjoint splits of the asked sizes, in proportion within every class', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4), { maxLength: 300 }),
        options,
        fc.integer(),
        (classes, fractions, seed) => {
          const splits = makeSplits(classes.length, { ...fractions, seed }, classes)
          const all = [...splits.train, ...splits.calibration, ...splits.test]
          expect(new Set(all).size).toBe(all.length)
          for (const index of all) expect(index).toBeLessThan(classes.length)
          for (const name of ['train', 'calibration', 'test'] as const) {
            expect(Math.abs(splits[name].length - classes.length * fractions[name])).toBeLessThanOrEqual(1.5)
            for (let c = 0; c <= 4; c++) {
              const have = splits[name].filter(i => classes[i] === c).length
              const share = classes.filter(x => x === c).length * (splits[name].length / classes.length || 0)
              expect(Math.abs(have - share)).toBeLessThanOrEqual(2)
            }
          }
        },
      ),
      { seed: 7, numRuns: 150 },
    )
  })

  it('keeps the test split when only the other fractions change, and changes it with the seed', () => {
    const base = { seed: 4, train: 0.6, calibration: 0.1, test: 0.3 }
    const one = makeSplits(500, base)
    expect(makeSplits(500, base)).toEqual(one)
    expect(makeSplits(500, { ...base, train: 0.2, calibration: 0.5 }).test).toEqual(one.test)
    expect(makeSplits(500, { ...base, seed: 5 }).test).not.toEqual(one.test)
  })

  it('refuses fractions that add up to more than one', () => {
    expect(() => makeSplits(10, { seed: 0, train: 0.8, calibration: 0.1, test: 0.3 })).toThrow(
      'The fractions of the splits add up to 1.2, more than 1.',
    )
  })
})
