import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SensitivityCurve } from '../../shared/prune'
import type { ChannelGroup } from '../structure/groups'
import { fitWidths, globalWish, roundWidths, sensitivityWish, uniformWish, type WidthGroup } from './widths'

function group(id: string, size: number, multiple = 1, least = 1): WidthGroup {
  const group: ChannelGroup = { id, size, weights: [], producers: [], declined: [], counted: [], factors: [] }
  return { group, multiple, least }
}

/** The work of a chain of dense layers of those widths. */
function work(groups: readonly WidthGroup[]) {
  return (sizes: ReadonlyMap<string, number>) => {
    const widths = [10, ...groups.map(({ group }) => sizes.get(group.id) ?? group.size), 10]
    return widths.slice(1).reduce((sum, width, i) => sum + width * (widths[i] ?? 0), 0)
  }
}

function curve(id: string, drops: readonly [number, number][]): SensitivityCurve {
  const points = drops.map(([keep, value]) => ({
    keep,
    to: 1,
    value,
    drop: { value, low: value, high: value },
  }))
  return { id, kind: 'channels', nodes: [], size: 64, parameters: 0, macs: 0, points }
}

describe('widths', () => {
  it('come as close to the target as multiples allow, and finer where these miss it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ size: fc.integer({ min: 16, max: 128 }), multiple: fc.constantFrom(1, 8, 16) }),
          {
            minLength: 2,
            maxLength: 6,
          },
        ),
        fc.double({ min: 0.2, max: 0.9, noNaN: true }),
        (shapes, share) => {
          const groups = shapes.map(({ size, multiple }, i) => group(`g${i}`, size, multiple))
          const measure = work(groups)
          const whole = measure(new Map())
          const sizes = fitWidths(groups, uniformWish(groups), measure, whole * share)
          for (const { group: g } of groups) {
            const size = sizes.get(g.id) ?? 0
            expect(size).toBeGreaterThanOrEqual(1)
            expect(size).toBeLessThanOrEqual(g.size)
          }
          expect(Math.abs(measure(sizes) / whole - share)).toBeLessThan(0.05)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are multiples where these come close enough', () => {
    const groups = [group('a', 64, 8), group('b', 128, 8), group('c', 256, 8)]
    const measure = work(groups)
    const sizes = fitWidths(groups, uniformWish(groups), measure, measure(new Map()) / 2)
    for (const size of sizes.values()) expect(size % 8).toBe(0)
  })

  it('never fall below the least', () => {
    const groups = [group('a', 64, 1, 16), group('b', 64, 1, 64)]
    expect([...roundWidths(groups, uniformWish(groups)(1)).values()]).toEqual([16, 64])
  })

  it('by global scores take the least important channels wherever they are', () => {
    const groups = [group('a', 4), group('b', 4)]
    const scores = new Map([
      ['a', Float64Array.of(1, 2, 3, 4)],
      ['b', Float64Array.of(5, 6, 7, 8)],
    ])
    expect([...globalWish(groups, scores)(0.375).entries()]).toEqual([
      ['a', 1],
      ['b', 4],
    ])
  })

  it('by sensitivity take more where it costs less, and everything is taken at full strength', () => {
    const groups = [group('a', 64), group('b', 64), group('c', 64)]
    const wish = sensitivityWish(groups, [
      curve('a', [
        [0.75, 0.2],
        [0.5, 0.5],
      ]),
      curve('b', [
        [0.75, 0],
        [0.5, 0.01],
      ]),
    ])
    const some = wish(0.4)
    expect(some.get('b')).toBeLessThan(some.get('a') ?? 0)
    expect(some.get('c')).toBeLessThan(some.get('a') ?? 0)
    expect(some.get('c')).toBeGreaterThan(some.get('b') ?? 0)
    expect([...wish(0).values()]).toEqual([64, 64, 64])
    expect([...wish(1).values()]).toEqual([1, 1, 1])
  })
})
