/** Finding nodes by the names people give. */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import type { Graph } from '../onnx/graph'
import { namePattern } from '../onnx/name-pattern'

/** How a node is identified in plans: by its first output, which is unique in a graph. */
export function nodeId(node: NodeProto): string {
  return node.output.find(name => name !== '') ?? ''
}

/** The node's own name, or its id when it has none: what people see and may write. */
export function nodeLabel(node: NodeProto): string {
  return node.name || nodeId(node)
}

/**
 * Nodes that the given names mean: a node's name, or one of its outputs; `*` stands for any text. Throws `bad-option`
 * for a name that means none, listing the nearest ones. `where`: the option they are from.
 */
export function nodesNamed(graph: Graph, names: readonly string[], where = 'exclude'): Set<NodeProto> {
  const found = new Set<NodeProto>()
  for (const name of names) {
    const pattern = name.includes('*') ? namePattern(name) : undefined
    const means = (own: string) => own === name || pattern?.test(own) === true
    const nodes = graph.nodes.filter(node =>
      [node.name, ...node.output].some(own => own !== '' && means(own)),
    )
    if (nodes.length === 0) {
      const near = nearest(name, graph.nodes.map(nodeLabel))
      throw new BantamError('bad-option', `No node is called ${name}.`, {
        where,
        action: near.length > 0 ? `Near it are ${near.join(', ')}.` : 'The model has no nodes.',
      })
    }
    for (const node of nodes) found.add(node)
  }
  return found
}

/** At most three candidates nearest to a name, by edit distance, those that contain it first. */
export function nearest(name: string, candidates: readonly string[]): string[] {
  const wanted = name.toLowerCase()
  return [...new Set(candidates)]
    .map(candidate => {
      const text = candidate.toLowerCase()
      const contains = text.includes(wanted) || wanted.includes(text)
      return { candidate, distance: contains ? 0 : editDistance(wanted, text) }
    })
    .sort((a, b) => a.distance - b.distance || a.candidate.length - b.candidate.length)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(change, (previous[j] as number) + 1, (row[j - 1] as number) + 1))
    }
    previous = row
  }
  return previous[b.length] as number
}
