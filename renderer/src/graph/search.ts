import type { GraphNode } from '../../../shared/training'
import { fitted } from '../layers/layer-names'

/** Nodes whose name, operator, or an output's name holds every word, whatever the case. */
export function searchNodes(nodes: readonly GraphNode[], search: string): GraphNode[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return [...nodes]
  return nodes.filter(node => {
    const text = `${node.name} ${node.op} ${node.outputs.map(o => o.name).join(' ')}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
}

/** `[batch, 64, 28, 28]` as '64×28×28': the batch is the same everywhere. */
export function shortShape(shape: readonly (number | string)[] | null): string {
  if (shape === null) return ''
  const rest = shape.length > 1 ? shape.slice(1) : shape
  return rest.map(d => (d === '' ? '?' : String(d))).join('×')
}

/** A node's name in so many characters, for a place that names its operator already: 'Conv 4' of a Conv is '4'. */
export function rowName({ name, op }: GraphNode, room: number): string {
  const bare = op.split('.').at(-1) ?? op
  const text = fitted(name, op, room)
  const at = text.lastIndexOf(`${bare} `)
  const whole = at === 0 || text[at - 1] === '/'
  return at >= 0 && whole ? text.slice(0, at) + text.slice(at + bare.length + 1) : text
}
