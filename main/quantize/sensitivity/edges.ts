/** Where a model can be cut before its nodes, and by which values. */
import { CARRIED, type Edge } from '../../onnx/cut'
import { nodeReads } from '../../onnx/graph'
import { inferTypes } from '../../onnx/infer'
import type { Model } from '../../onnx/model'
import { elementTypes } from '../types'

/**
 * For every node, in topological order, the values that are there before it and that it or a later node reads, or that
 * answer; null where one of them cannot be passed from one part to the next.
 */
export async function edgesBefore(model: Model, answer: string): Promise<(Edge[] | null)[]> {
  const { graph } = model
  const order = graph.topological()
  const [shaped, typed] = [await inferTypes(model), await elementTypes(model)]
  const last = new Map<string, number>()
  for (const [i, node] of order.entries()) for (const name of nodeReads(node)) last.set(name, i)
  last.set(answer, order.length)
  const open = new Set(graph.inputNames.filter(name => last.has(name)))
  return order.map((node, i) => {
    for (const name of open) if ((last.get(name) ?? -1) < i) open.delete(name)
    const edges = [...open].map((name): Edge | null => {
      const type = typed.get(name)?.type
      if (!type || !CARRIED.test(type)) return null
      return { name, type, shape: shaped.get(name)?.shape ?? null }
    })
    for (const name of node.output) if (name !== '' && last.has(name)) open.add(name)
    return edges.every(edge => edge !== null) ? edges : null
  })
}
