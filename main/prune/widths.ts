/**
 * How many channels of each group stay: the same share of all, the most important wherever they are, or by measured
 * sensitivity; rounded to what the machine computes fast, and as close to the target as whole channels allow.
 */
import type { SensitivityCurve } from '../../shared/prune'
import type { ChannelGroup } from '../structure/groups'

export interface WidthGroup {
  group: ChannelGroup
  /** Channels are kept in multiples of this; any number where it is 1. */
  multiple: number
  /** The multiple was asked for, not measured: it holds whatever the target. */
  strict?: boolean
  /** Fewest channels that stay. */
  least: number
}

/** Wished-for widths, in fractions of channels, for a strength of 0 (all stay) to 1 (the least stay). */
export type Wish = (strength: number) => ReadonlyMap<string, number>

/** The same share of every group. */
export function uniformWish(groups: readonly WidthGroup[]): Wish {
  return strength =>
    new Map(groups.map(({ group, least }) => [group.id, Math.max(least, group.size * (1 - strength))]))
}

/** Channels with the lowest normalized scores go first, whichever group they are in. */
export function globalWish(groups: readonly WidthGroup[], scores: ReadonlyMap<string, Float64Array>): Wish {
  const sorted = Float64Array.from(groups.flatMap(({ group }) => [...(scores.get(group.id) ?? [])])).sort()
  return strength => {
    const threshold = sorted[Math.round(strength * sorted.length)] ?? Number.POSITIVE_INFINITY
    return new Map(
      groups.map(({ group, least }) => {
        const own = scores.get(group.id) ?? new Float64Array(group.size)
        return [
          group.id,
          Math.max(
            least,
            own.reduce((n, score) => n + (score >= threshold ? 1 : 0), 0),
          ),
        ]
      }),
    )
  }
}

/**
 * Every group loses as much as costs the same. Curves are made monotone, and go on after their last point with the
 * slope they end with; a group without a curve is treated as the mean of the others.
 */
export function sensitivityWish(groups: readonly WidthGroup[], curves: readonly SensitivityCurve[]): Wish {
  const byGroup = new Map(curves.map(curve => [curve.id, monotone(curve)]))
  const all = [...byGroup.values()]
  const worst = Math.max(1e-9, ...all.map(curve => costAt(curve, 0)))
  return strength => {
    // A wide range of costs is passed through: what a small strength takes costs next to nothing.
    const bearable = strength >= 1 ? Number.POSITIVE_INFINITY : worst * strength ** 2
    return new Map(
      groups.map(({ group, least }) => {
        const curve = byGroup.get(group.id)
        const keep = curve ? keepFor(curve, bearable) : mean(all.map(other => keepFor(other, bearable)))
        return [group.id, Math.max(least, group.size * keep)]
      }),
    )
  }
}

interface Monotone {
  /** Falling shares kept with rising costs, beginning with 1 and 0. */
  points: { keep: number; cost: number }[]
}

/** So much a removed share costs where no loss was measured: of two free groups both then give. */
const FLOOR = 1e-3

function monotone({ points }: SensitivityCurve): Monotone {
  const result = [{ keep: 1, cost: 0 }]
  for (const point of [...points].sort((a, b) => b.keep - a.keep)) {
    const last = result[result.length - 1] ?? { keep: 1, cost: 0 }
    if (point.keep >= last.keep) continue
    const cost = Math.max(point.drop.value, last.cost + FLOOR * (last.keep - point.keep))
    result.push({ keep: point.keep, cost })
  }
  return { points: result }
}

function slopeAtEnd({ points }: Monotone): number {
  const [a, b] = points.slice(-2)
  return a && b ? Math.max(FLOOR, (b.cost - a.cost) / (a.keep - b.keep)) : 1
}

function costAt(curve: Monotone, keep: number): number {
  const last = curve.points[curve.points.length - 1] ?? { keep: 1, cost: 0 }
  return last.cost + slopeAtEnd(curve) * Math.max(0, last.keep - keep)
}

/** The smallest share that costs no more. */
function keepFor(curve: Monotone, bearable: number): number {
  if (bearable === Number.POSITIVE_INFINITY) return 0
  const { points } = curve
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]]
    if (!a || !b || b.cost <= bearable) continue
    return a.keep - ((a.keep - b.keep) * (bearable - a.cost)) / (b.cost - a.cost)
  }
  const last = points[points.length - 1] ?? { keep: 1, cost: 0 }
  return Math.max(0, last.keep - (bearable - last.cost) / slopeAtEnd(curve))
}

function mean(values: readonly number[]): number {
  return values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : 1
}

/**
 * Whole channels for a wish: multiples, never below the least nor above the size. `bias` from 0 (all rounded down) to 1
 * (all rounded up) moves the border between the two.
 */
export function roundWidths(
  groups: readonly WidthGroup[],
  wish: ReadonlyMap<string, number>,
  bias = 0.5,
): Map<string, number> {
  return new Map(
    groups.map(({ group, multiple, least }) => {
      const wished = (wish.get(group.id) ?? group.size) / multiple
      // Almost a whole number is one.
      const whole = Math.floor(wished + Math.min(0.999_999, bias) + 1e-9) * multiple
      const fewest = Math.min(group.size, Math.ceil(least / multiple) * multiple)
      return [group.id, Math.min(group.size, Math.max(fewest, whole, 1))]
    }),
  )
}

/**
 * Widths that miss what is wanted by more than this share of the whole are looked for in finer steps: such widths are
 * seldom faster, so that a small miss is better.
 */
const CLOSE = 0.05

/**
 * Whole widths whose measure is as close as can be to `wanted`, on either side: in multiples where these come close,
 * else in finer ones. `measure` falls with fewer channels.
 */
export function fitWidths(
  groups: readonly WidthGroup[],
  wish: Wish,
  measure: (widths: ReadonlyMap<string, number>) => number,
  wanted: number,
): Map<string, number> {
  let [low, high] = [0, 1]
  // The strength at which wished-for widths, not yet whole, are what is wanted.
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2
    if (measure(wish(middle)) > wanted) low = middle
    else high = middle
  }
  const wished = wish(high)
  const whole = measure(new Map())
  const error = (widths: ReadonlyMap<string, number>) => Math.abs(measure(widths) - wanted)
  let best: Map<string, number> | undefined
  for (let most = Math.max(1, ...groups.map(g => g.multiple)); most >= 1; most = Math.floor(most / 2)) {
    const finer = groups.map(g => (g.strict ? g : { ...g, multiple: Math.min(g.multiple, most) }))
    const found = fitMultiples(finer, wished, error)
    if (!best || error(found) < error(best)) best = found
    if (error(best) <= CLOSE * whole) break
  }
  return best ?? new Map()
}

function fitMultiples(
  groups: readonly WidthGroup[],
  wished: ReadonlyMap<string, number>,
  error: (widths: ReadonlyMap<string, number>) => number,
): Map<string, number> {
  let best = roundWidths(groups, wished)
  for (let step = 0; step <= 20; step++) {
    const tried = roundWidths(groups, wished, step / 20)
    if (error(tried) < error(best)) best = tried
  }
  return refine(groups, wished, best, error)
}

/** One multiple more or less in single groups, as long as that brings the total closer and stays near the wish. */
function refine(
  groups: readonly WidthGroup[],
  wished: ReadonlyMap<string, number>,
  start: Map<string, number>,
  error: (widths: ReadonlyMap<string, number>) => number,
): Map<string, number> {
  let best = start
  let least = error(best)
  for (const { group, multiple, least: fewest } of groups) {
    for (const by of [-multiple, multiple]) {
      const width = (best.get(group.id) ?? group.size) + by
      const near = Math.abs(width - (wished.get(group.id) ?? group.size)) <= multiple
      if (width < Math.max(1, fewest) || width > group.size || !near) continue
      const tried = new Map(best).set(group.id, width)
      const missed = error(tried)
      if (missed < least) [best, least] = [tried, missed]
    }
  }
  return best
}
