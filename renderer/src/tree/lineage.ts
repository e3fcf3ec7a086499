import type { Variant } from '../../../shared/domain'

export interface LineageRow {
  variant: Variant
  /** 0 for the teacher. */
  depth: number
  children: number
  collapsed: boolean
}

/**
 * Variants as the rows of a tree, parents before children, siblings in the order they were made. A variant whose
 * parent is gone stands at the root, so that nothing is ever hidden.
 */
export function lineageRows(variants: readonly Variant[], collapsed: ReadonlySet<string>): LineageRow[] {
  const known = new Set(variants.map(v => v.id))
  const children = new Map<string | null, Variant[]>()
  for (const variant of variants) {
    const parent = variant.parentId !== null && known.has(variant.parentId) ? variant.parentId : null
    const siblings = children.get(parent)
    if (siblings) siblings.push(variant)
    else children.set(parent, [variant])
  }
  const rows: LineageRow[] = []
  // An own stack: a lineage may be deeper than calls can nest.
  const waiting = [...(children.get(null) ?? [])].reverse().map(variant => ({ variant, depth: 0 }))
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { variant, depth } = next
    const own = children.get(variant.id) ?? []
    const closed = collapsed.has(variant.id)
    rows.push({ variant, depth, children: own.length, collapsed: closed })
    if (!closed) for (const child of own.toReversed()) waiting.push({ variant: child, depth: depth + 1 })
  }
  return rows
}

/** Technique of a variant in words: its title, or what stands in for one. */
export function techniqueTitle(variant: Variant, titles: ReadonlyMap<string, string>): string {
  if (variant.parentId === null) return 'Teacher'
  if (!variant.step) return 'Imported'
  return titles.get(variant.step.technique) ?? variant.step.technique
}
