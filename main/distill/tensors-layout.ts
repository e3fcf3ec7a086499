/** On which axis the channels of a value lie, told from the nodes that make it. */
import type { NodeProto } from 'onnx-buf'
import { type Model, normalDomain } from '../onnx/model'

/** 'map': channels on axis 1, space after it; 'last': channels on the last axis (vectors, hidden states). */
export type Layout = 'map' | 'last'

const MAPS =
  /^((Fused)?Conv|ConvTranspose|DeformConv|(Global)?(Average|Max|Lp)Pool|BatchNormalization|InstanceNormalization|GroupNorm(alization)?|LRN|Resize|Upsample|DepthToSpace|SpaceToDepth)$/
const LAST =
  /^(MatMul|Gemm|FusedMatMul|FusedGemm|(Skip)?(Simplified)?LayerNormalization|RMSNormalization|EmbedLayerNormalization|Gather|Attention|MultiHeadAttention|LSTM|GRU|RNN)$/
/** Behind these, axes mean something else. */
const MOVES = /^(Transpose|Reshape|Flatten|Squeeze|Unsqueeze|Einsum|Expand)$/

/** The layout of a value. Looks back through element-wise operators for one that has channels. */
export function layoutOf(model: Model, name: string, rank: number): Layout {
  const usual: Layout = rank > 3 ? 'map' : 'last'
  if (rank < 3) return usual
  const seen = new Set<string>()
  const queue = [name]
  for (let at = queue.shift(); at !== undefined && seen.size < 64; at = queue.shift()) {
    const node = model.graph.producer(at)
    if (!node || seen.has(at)) continue
    seen.add(at)
    const op = operator(node)
    if (MAPS.test(op)) return 'map'
    if (LAST.test(op)) return 'last'
    if (MOVES.test(op)) return usual
    queue.push(...node.input.filter(Boolean))
  }
  return usual
}

/** The operator of a node, whichever of the two usual domains it is from. */
export function operator(node: NodeProto): string {
  const domain = normalDomain(node.domain)
  return domain === '' || domain === 'com.microsoft' ? node.opType : `${domain}:${node.opType}`
}
