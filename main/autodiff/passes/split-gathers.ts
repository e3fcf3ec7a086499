/**
 * Gather nodes that take an axis apart, index by index (as exporters write q, k, v = packed.unbind(0)), become one Split
 * and a Squeeze each. The gradient is then one Concat in place of as many scatters into zeros, and their sum. Where the
 * axis was only brought to the front to be taken apart, it is split where it was: nothing is moved, forth or back.
 */
import type { NodeProto } from 'onnx-buf'
import { intAttribute, makeNode } from '../../onnx/build'
import { inferTypes, type Types } from '../../onnx/infer'
import { type Model, normalDomain } from '../../onnx/model'
import { constantValues } from '../../onnx/passes/pass'
import { makeTensor } from '../../onnx/tensor'
import { throughMoves } from './through-moves'

/** Changes the model in place. `keep` names values that stay though nobody reads them. */
export async function splitGathers(model: Model, keep: readonly string[] = []): Promise<void> {
  const gathers = model.graph.nodes.filter(n => n.opType === 'Gather' && normalDomain(n.domain) === '')
  if (gathers.length < 2) return
  const types = await inferTypes(model)
  const groups = new Map<string, NodeProto[]>()
  for (const node of gathers) {
    const shape = types.get(node.input[0] ?? '')?.shape
    if (!shape) continue
    const key = `${axisOf(node, shape.length)} ${node.input[0]}`
    groups.set(key, [...(groups.get(key) ?? []), node])
  }
  for (const nodes of groups.values()) {
    splitGroup(model, types, nodes)
    removeUnread(model, nodes[0]?.input[0] ?? '', keep)
  }
}

function axisOf(node: NodeProto, rank: number): number {
  const axis = intAttribute(node, 'axis', 0)
  return axis < 0 ? axis + rank : axis
}

/** The whole axis, each index exactly once, or nothing is done. */
function splitGroup(model: Model, types: Types, nodes: readonly NodeProto[]): void {
  const { graph } = model
  const [first] = nodes
  const input = first?.input[0] ?? ''
  const shape = types.get(input)?.shape ?? []
  const given = first ? axisOf(first, shape.length) : 0
  const size = shape[given]
  if (typeof size !== 'number' || size < 2 || nodes.length !== size) return
  const order: (NodeProto | undefined)[] = Array(size).fill(undefined)
  for (const node of nodes) {
    const index = scalarIndex(model, node, size)
    if (index === undefined || order[index]) return
    order[index] = node
  }
  const { source, axis } = unmoved(model, types, { source: input, axis: given }, shape.length)
  const axes = graph.freshName(`${input}/axis`)
  graph.setInitializer(makeTensor(axes, 'int64', [1], [BigInt(axis)]))
  const sizes = graph.freshName(`${input}/sizes`)
  graph.setInitializer(makeTensor(sizes, 'int64', [size], Array(size).fill(1n)))
  const parts = order.map((_, i) => graph.freshName(`${input}/part${i}`))
  const split = makeNode(
    'Split',
    [source, sizes],
    parts,
    { axis: BigInt(axis) },
    { name: graph.freshName(`${first?.name}/split`) },
  )
  const outputs = order.map(node => node?.output[0] ?? '')
  graph.remove(nodes)
  graph.add(split)
  outputs.forEach((output, i) => {
    graph.add(makeNode('Squeeze', [parts[i] ?? '', axes], [output], {}, { name: `${parts[i]}/squeeze` }))
  })
}

/** Removes the node that makes a value, and those it alone read, when nobody reads it any more. */
function removeUnread(model: Model, name: string, keep: readonly string[]): void {
  const { graph } = model
  const node = graph.producer(name)
  const unread = node?.output.every(
    o => graph.uses(o).length === 0 && !graph.isOutput(o) && !keep.includes(o),
  )
  if (!node || !unread) return
  graph.remove([node])
  for (const input of node.input) removeUnread(model, input, keep)
}

interface Place {
  source: string
  axis: number
}

/** The same axis before it was moved, when all others stay in order without it. */
function unmoved(model: Model, types: Types, place: Place, rank: number): Place {
  const { source, axes } = throughMoves(model, place.source, rank)
  const others = axes.filter((_, i) => i !== place.axis)
  const inOrder = others.every((a, i) => a > (others[i - 1] ?? -1))
  const whole = types.get(source)?.shape.length === rank && axes.every(a => a >= 0)
  return whole && inOrder ? { source, axis: axes[place.axis] ?? 0 } : place
}

function scalarIndex(model: Model, node: NodeProto, size: number): number | undefined {
  const tensor = constantValues(model, node.input[1])
  if (!tensor || tensor.dims.length > 0 || Array.isArray(tensor.data)) return undefined
  const index = Number(tensor.data[0])
  return index < 0 ? index + size : index
}
