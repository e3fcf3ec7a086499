/** Follows the axes of a value back through nodes that only move axes: Transpose, Squeeze and Unsqueeze. */
import type { NodeProto } from 'onnx-buf'
import { intsAttribute } from '../../onnx/build'
import { type Model, normalDomain } from '../../onnx/model'
import { constantValues } from '../../onnx/passes/pass'
import { toNumbers } from '../../runtime/tensor'

export interface Origin {
  /** The value that was moved. */
  source: string
  /** For each axis of the value followed, the axis of the source that it is; −1 is an axis of size 1 put in on the way. */
  axes: number[]
}

/** Where the axes of a value of this rank come from: from itself, when it was not moved. */
export function throughMoves(model: Model, value: string, rank: number): Origin {
  let origin: Origin = { source: value, axes: [...Array(rank).keys()] }
  let size = rank
  for (;;) {
    const node = model.graph.producer(origin.source)
    const moved = node && normalDomain(node.domain) === '' ? step(model, node, size) : undefined
    if (!node || !moved) return origin
    size = moved.size
    origin = {
      source: node.input[0] ?? '',
      axes: origin.axes.map(a => (a < 0 ? a : (moved.from[a] ?? -1))),
    }
  }
}

/** For each axis of the output of a node the axis of its input, and the rank of the input. */
function step(model: Model, node: NodeProto, rank: number): { from: number[]; size: number } | undefined {
  if (node.opType === 'Transpose') {
    const perm = intsAttribute(node, 'perm') ?? [...Array(rank).keys()].reverse()
    return { from: perm, size: rank }
  }
  if (node.opType !== 'Squeeze' && node.opType !== 'Unsqueeze') return undefined
  const tensor = constantValues(model, node.input[1])
  if (!tensor || tensor.type === 'string') return undefined
  const given = [...toNumbers(tensor)]
  const wide = node.opType === 'Squeeze' ? rank + given.length : rank
  const ones = new Set(given.map(a => (a < 0 ? a + wide : a)))
  const others = [...Array(wide).keys()].filter(a => !ones.has(a))
  if (node.opType === 'Squeeze') return { from: others, size: wide }
  return {
    from: [...Array(rank).keys()].map(a => others.indexOf(a)),
    size: others.length,
  }
}
