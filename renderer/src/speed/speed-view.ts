/** Two profiles side by side: per operator on one scale, per node, and where the time goes. */
import type { Note, Profile, ProfileNode } from '../../../shared/domain'

export interface OperatorTime {
  op: string
  /** Mean microseconds per run; 0 where the side has no such operator. */
  reference: number
  variant: number
  referenceCount: number
  variantCount: number
}

/**
 * Time per operator of both, longest first. Beyond `limit` operators the shortest are gathered as 'other'.
 */
export function operatorTimes(reference: Profile, variant: Profile, limit = 12): OperatorTime[] {
  const rows = new Map<string, OperatorTime>()
  const row = (op: string) => {
    const known = rows.get(op)
    if (known) return known
    const made = { op, reference: 0, variant: 0, referenceCount: 0, variantCount: 0 }
    rows.set(op, made)
    return made
  }
  for (const o of reference.byOperator) {
    const r = row(o.op)
    r.reference += o.us
    r.referenceCount += o.count
  }
  for (const o of variant.byOperator) {
    const r = row(o.op)
    r.variant += o.us
    r.variantCount += o.count
  }
  const sorted = [...rows.values()].sort(
    (a, b) => Math.max(b.reference, b.variant) - Math.max(a.reference, a.variant) || a.op.localeCompare(b.op),
  )
  if (sorted.length <= limit) return sorted
  const rest = sorted.slice(limit - 1)
  const sum = (pick: (r: OperatorTime) => number) => rest.reduce((s, r) => s + pick(r), 0)
  return [
    ...sorted.slice(0, limit - 1),
    {
      op: `${rest.length} other operators`,
      reference: sum(r => r.reference),
      variant: sum(r => r.variant),
      referenceCount: sum(r => r.referenceCount),
      variantCount: sum(r => r.variantCount),
    },
  ]
}

export interface NodeTime extends ProfileNode {
  index: number
  /** Share of the kernels' time; 0 when nothing was timed. */
  share: number
}

/** Nodes as ORT ran them, longest first, with their share of the kernels' time. */
export function nodeTimes(profile: Profile): NodeTime[] {
  return profile.nodes
    .map((node, index) => ({ ...node, index, share: profile.kernelUs > 0 ? node.us / profile.kernelUs : 0 }))
    .sort((a, b) => b.us - a.us || a.index - b.index)
}

/** Nodes whose name, operator, provider or precision holds every word of the search. */
export function searchNodes(nodes: readonly NodeTime[], search: string): NodeTime[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return nodes.filter(n => {
    const text = `${n.name} ${n.op} ${n.provider} ${n.precision}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
}

export const SHARE_KINDS = ['int8', 'quantizeDequantize', 'conversion', 'rest'] as const
export type ShareKind = (typeof SHARE_KINDS)[number]

/** Where the kernels' time goes, as shares that sum to one; `rest` is what the three named kinds leave. */
export function timeShares(profile: Profile): Record<ShareKind, number> {
  const { int8, quantizeDequantize, conversion } = profile.shares
  return {
    int8,
    quantizeDequantize,
    conversion,
    rest: Math.max(0, 1 - int8 - quantizeDequantize - conversion),
  }
}

const RANK: Record<Note['severity'], number> = { error: 0, warning: 1, info: 2 }

/** Notes by weight: errors, warnings, then facts; otherwise in the order they came. */
export function bySeverity(notes: readonly Note[]): Note[] {
  return [...notes].sort((a, b) => RANK[a.severity] - RANK[b.severity])
}
