/** Inputs of dense layers that can be smoothed: every value that layers to be quantized multiply with their weights. */
import type { NodeProto } from 'onnx-buf'
import type { Model } from '../../onnx/model'
import { dataTypeName, tensorDims } from '../../onnx/tensor'
import { type Fold, findFold } from '../fold-scale'
import { channelAxis } from '../weights'

export interface SmoothGroup {
  value: string
  /** Length of the value's last axis. */
  channels: number
  /** MatMul and Gemm that read it as their first input, all of which are given scaled weights. */
  readers: NodeProto[]
  /** Where the division goes; where nothing can take it, the reason as a clause. */
  fold: Fold | string
}

/**
 * Groups in reverse order of the graph: a division folded into a layer changes its weights, so layers behind come
 * first. `chosen`: what is to be quantized.
 */
export function smoothGroups(model: Model, chosen: readonly { node: NodeProto }[]): SmoothGroup[] {
  const readers = new Map<string, NodeProto[]>()
  for (const { node } of chosen) {
    if (inputChannels(model, node) === null) continue
    const value = node.input[0] ?? ''
    readers.set(value, [...(readers.get(value) ?? []), node])
  }
  return [...readers]
    .map(([value, nodes]) => {
      const channels = inputChannels(model, nodes[0] as NodeProto) ?? 0
      return { value, channels, readers: nodes, fold: findFold(model, value, channels, new Set(nodes)) }
    })
    .reverse()
}

/** How many channels a dense layer with float32 weights of its own reads along the last axis; null for other nodes. */
export function inputChannels({ graph }: Model, node: NodeProto): number | null {
  const axis = node.opType === 'Conv' ? null : channelAxis(node, 2)
  const tensor = graph.initializer(node.input[1] ?? '')
  if (axis === null || !tensor || tensor.dims.length !== 2) return null
  if (dataTypeName(tensor.dataType) !== 'float32' || graph.isInput(tensor.name)) return null
  if (node.attribute.some(a => a.name === 'transA' && a.i !== 0n)) return null
  return tensorDims(tensor)[1 - axis] ?? null
}
