/** What differs between two graphs, by the names of their nodes. */
import type { GraphNode } from '../../../shared/training'

export type Change = 'new' | 'changed'

/** Nodes that the other graph has not, and nodes of the same name that do something else or have another shape. */
export function changesAgainst(
  nodes: readonly GraphNode[],
  other: readonly GraphNode[],
): Map<string, Change> {
  const byName = new Map(other.map(n => [n.name, n]))
  const changes = new Map<string, Change>()
  for (const node of nodes) {
    const twin = byName.get(node.name)
    if (!twin) changes.set(node.id, 'new')
    else if (signature(twin) !== signature(node)) changes.set(node.id, 'changed')
  }
  return changes
}

function signature({ op, parameters, outputs }: GraphNode): string {
  return JSON.stringify([op, parameters, outputs.map(o => [o.type, o.shape])])
}
