import { createContext } from 'react'
import type { GraphNode } from '../../../shared/training'

export interface GraphMark {
  /** Number of a pair, or a short word. */
  text: string
  color: string
  /** As text alone: where most nodes have one. */
  quiet?: boolean
}

/** How the nodes of a graph are shown, and what a click on one does. */
export interface GraphLook {
  colorOf(node: GraphNode): string
  /** Signs at a node's right. */
  marksOf?(node: GraphNode): readonly GraphMark[]
  /** Why a node is dimmed; null where it is not. */
  dimmed?(node: GraphNode): string | null
  selected: string | null
  onSelect(node: GraphNode): void
}

export const GraphLookContext = createContext<GraphLook>({
  colorOf: () => 'var(--bt-border-strong)',
  selected: null,
  onSelect() {},
})
