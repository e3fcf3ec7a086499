/** Which nodes of a graph a plan changes and how much, and which it leaves alone. */
import type { PruneChange, PrunePreview } from '../../../shared/prune'
import type { GraphNode } from '../../../shared/training'

export interface NodeFate {
  /** Changes it is part of. */
  changes: readonly PruneChange[]
  /** Why it is left alone; null where nothing says so. */
  reason: string | null
}

/** A node as plans and notes call it: its operator and its name, or the value it makes. */
export function describedNode({ op, name, id }: Pick<GraphNode, 'op' | 'name' | 'id'>): string {
  return `${op.split('.').at(-1) ?? op} ${name || `→ ${id}`}`
}

/** What becomes of each node, by its id; nodes the plan does not speak of are absent. */
export function fatesOf(
  nodes: readonly GraphNode[],
  { changes, declined }: Pick<PrunePreview, 'changes' | 'declined'>,
): Map<string, NodeFate> {
  const changesOf = new Map<string, PruneChange[]>()
  for (const change of changes) {
    for (const node of change.nodes) changesOf.set(node, [...(changesOf.get(node) ?? []), change])
  }
  const reasonOf = new Map(declined.flatMap(({ node, reason }) => (node ? [[node, reason] as const] : [])))
  const fates = new Map<string, NodeFate>()
  for (const node of nodes) {
    const name = describedNode(node)
    const own = changesOf.get(name) ?? []
    const reason = reasonOf.get(name) ?? null
    if (own.length > 0 || reason !== null) fates.set(node.id, { changes: own, reason })
  }
  return fates
}

/** The largest share that goes of what a node makes, 0 … 1; null where the plan changes nothing of it. */
export function goneOf(fate: NodeFate | undefined): number | null {
  if (!fate || fate.changes.length === 0) return null
  return Math.max(...fate.changes.map(c => (c.from === 0 ? 0 : 1 - c.to / c.from)))
}
