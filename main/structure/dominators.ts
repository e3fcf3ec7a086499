/**
 * The stream of a network: values that everything after the first of them passes through. With edges from a node to its
 * readers, the immediate post-dominator of a node is the first node that every path from it to an output meets
 * (Cooper, Harvey and Kennedy 2001, "A simple, fast dominance algorithm"; one pass, as the graph has no cycle). Masks
 * and positions that join the stream from the side do not interrupt it, what skips over it does.
 */
import type { NodeProto } from 'onnx-buf'
import type { Graph } from '../onnx/graph'
import { normalDomain } from '../onnx/model'

/** True for nodes that read the shape of a value, not the value. */
export function readsShapeOnly(node: NodeProto): boolean {
  return normalDomain(node.domain) === '' && (node.opType === 'Shape' || node.opType === 'Size')
}

/**
 * The longest chain of nodes each of which is the immediate post-dominator of the one before, from a node on that reads
 * an input of the graph: one that began further in could begin inside a branch.
 */
export function longestStream(graph: Graph): NodeProto[] {
  const order = graph.topological()
  const index = new Map(order.map((node, i) => [node, i]))
  const exit = order.length
  const next = new Int32Array(exit + 1).fill(-1)
  const depth = new Int32Array(exit + 1)
  next[exit] = exit
  const meet = (a: number, b: number) => {
    let [x, y] = [a, b]
    // A post-dominator always comes later in the order.
    while (x !== y) {
      if (x < y) x = next[x] ?? exit
      else y = next[y] ?? exit
    }
    return x
  }
  let deepest = -1
  for (let i = exit - 1; i >= 0; i--) {
    const node = order[i]
    if (!node) continue
    let found = -1
    for (const output of node.output) {
      if (output === '') continue
      const readers = graph.uses(output).filter(use => !readsShapeOnly(use.node))
      const targets = readers.map(use => index.get(use.node) ?? exit)
      if (graph.isOutput(output)) targets.push(exit)
      for (const target of targets) {
        if (next[target] === -1) continue
        found = found < 0 ? target : meet(found, target)
      }
    }
    if (found < 0) continue
    next[i] = found
    depth[i] = (depth[found] ?? 0) + 1
    const begins = node.input.some(name => graph.isInput(name) && !graph.initializer(name))
    if (begins && (deepest < 0 || (depth[i] ?? 0) >= (depth[deepest] ?? 0))) deepest = i
  }
  const chain: NodeProto[] = []
  for (let i = deepest; i >= 0 && i < exit; i = next[i] ?? exit) {
    const node = order[i]
    if (node) chain.push(node)
  }
  return chain
}
