/** Which answers turned into which, over the samples on which variant and reference differ. */
import type { Prediction } from '../../../shared/domain'

export const FILTERS = ['differ', 'broken', 'fixed', 'wrong', 'all'] as const
export type Filter = (typeof FILTERS)[number]

export interface Change {
  from: string
  to: string
  samples: number
  broken: number
  fixed: number
  /** Sample with the largest distance: the one to look at first. */
  example: number
}

/** Groups differing samples by "reference's answer → variant's answer", most frequent first. */
export function changeSummary(predictions: readonly Prediction[]): Change[] {
  const groups = new Map<string, Change & { distance: number }>()
  for (const p of predictions) {
    const [from, to] = [p.reference.output, p.variant.output]
    if (from === to) continue
    const key = JSON.stringify([from, to])
    const group = groups.get(key) ?? {
      from,
      to,
      samples: 0,
      broken: 0,
      fixed: 0,
      example: p.index,
      distance: -1,
    }
    group.samples++
    if (p.outcome === 'broken') group.broken++
    if (p.outcome === 'fixed') group.fixed++
    if (p.distance > group.distance) {
      group.distance = p.distance
      group.example = p.index
    }
    groups.set(key, group)
  }
  return [...groups.values()]
    .map(({ distance: _, ...change }) => change)
    .sort((a, b) => b.samples - a.samples || a.from.localeCompare(b.from) || a.to.localeCompare(b.to))
}

export interface FilterOption {
  filter: Filter
  label: string
  /** Null until counted, or where the filter has no meaning. */
  count: number | null
  enabled: boolean
  /** What the filter keeps; for a tooltip. */
  help: string
}

/**
 * The filters with their counts. Without labels nothing can be broken, fixed or wrong: those are not offered.
 * @param counts samples per filter, as `variants.predictions` answers; undefined while loading
 */
export function filterOptions(
  counts: Readonly<Record<string, number>> | undefined,
  about: { labelled: boolean; reference: string },
): FilterOption[] {
  const offered = about.labelled ? FILTERS : FILTERS.filter(f => f === 'differ' || f === 'all')
  return offered.map(filter => {
    const count = counts?.[filter] ?? null
    return { filter, ...TEXT[filter](about.reference), count, enabled: count === null || count > 0 }
  })
}

const TEXT: Record<Filter, (reference: string) => { label: string; help: string }> = {
  differ: reference => ({ label: 'Differ', help: `Another answer than ${reference}` }),
  broken: reference => ({ label: 'Broken', help: `Wrong here, right in ${reference}` }),
  fixed: reference => ({ label: 'Fixed', help: `Right here, wrong in ${reference}` }),
  wrong: () => ({ label: 'Wrong', help: 'Another answer than the label' }),
  all: () => ({ label: 'All', help: 'Every evaluated sample' }),
}

/** The filter to open with: differing samples if there are any, else all of them. */
export function firstFilter(counts: Readonly<Record<string, number>>): Filter {
  return (counts.differ ?? 0) > 0 ? 'differ' : 'all'
}
