/**
 * Attention. With S queries, T keys, and widths D of queries and keys and E of values over all query heads:
 *   scores Q·Kᵀ: B·S·T·D,  mixing P·V: B·S·T·E,  and, where the node holds it, the projection of its input: B·S·prod(W)
 * Masks do not lower the count. ORT's operators: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */

import type { NodeProto } from 'onnx-buf'
import { intAttribute, intsAttribute } from '../onnx/build'
import { FUSED, NO_KERNEL, QUANTIZED, unsupported } from './gradient'
import type { AttentionOp } from './names'
import { type CostRow, free, fromInputs, type OpRow, product, row, type Shapes, unknownCost } from './row'

/** Length of the past at an input of shape […, heads, P, width], 0 when the input is absent, undefined when unknown. */
function pastLength(node: NodeProto, shapes: Shapes, index: number): number | undefined {
  const name = node.input[index] ?? ''
  return name === '' ? 0 : shapes(name)?.at(-2)
}

/** Input [B, S, C], weight [C, D + D + E], past [2, B, heads, P, width] at `past`: com.microsoft Attention and QAttention. */
function projecting(past: number): CostRow {
  return fromInputs([0, 1], ([x, w], node, shapes) => {
    const before = pastLength(node, shapes, past)
    if (!x || !w || before === undefined) return undefined
    const [batch = 1, length = 1] = x
    const sizes = intsAttribute(node, 'qkv_hidden_sizes')
    const d = sizes?.[0] ?? (w[1] ?? 0) / 3
    const e = sizes?.[2] ?? d
    return batch * length * (product(w) + (length + before) * (d + e))
  })
}

/** Rows and width over all heads of a [B, S, D] or [B, heads, S, d] tensor. */
function rows(dims: readonly number[]): { batch: number; length: number; width: number } | undefined {
  const [batch = 1, second = 1, third = 1, fourth = 1] = dims
  if (dims.length === 3) return { batch, length: second, width: third }
  if (dims.length === 4) return { batch, length: third, width: second * fourth }
  return undefined
}

/** Separate queries, keys and values; the past's keys at input `past`. Fewer key heads than query heads are shared. */
function separate(past: number, heads: { query: string; key: string }): CostRow {
  return fromInputs([0, 1, 2], ([q, k, v], node, shapes) => {
    const query = q && rows(q)
    const key = k && rows(k)
    const value = v && rows(v)
    const before = pastLength(node, shapes, past)
    if (!query || !key || !value || before === undefined || !q || !k) return undefined
    const queryHeads = q.length === 4 ? (q[1] ?? 1) : intAttribute(node, heads.query, 1)
    const keyHeads = k.length === 4 ? (k[1] ?? 1) : intAttribute(node, heads.key, queryHeads)
    const mixed = (value.width / keyHeads) * queryHeads
    return query.batch * query.length * (key.length + before) * (query.width + mixed)
  })
}

/** Queries, keys and values packed in input 0 [B, S, (heads + 2·kv)·width] when input 1 is absent. */
const grouped: CostRow = {
  cost(node, shapes) {
    if (node.input[1]) return separate(3, { query: 'num_heads', key: 'kv_num_heads' }).cost(node, shapes)
    const packed = fromInputs([0], ([q]) => {
      const before = pastLength(node, shapes, 3)
      if (!q || before === undefined) return undefined
      const [batch = 1, length = 1, all = 1] = q
      const heads = intAttribute(node, 'num_heads', 1)
      const width = (all / (heads + 2 * intAttribute(node, 'kv_num_heads', heads))) * heads
      return batch * length * (length + before) * 2 * width
    })
    return packed.cost(node, shapes)
  },
}

/** Query [B, S, D] with key and value, or packed [B, S, heads, 3, width] alone. */
const multiHead: CostRow = {
  cost(node, shapes) {
    if (node.input[2]) return separate(6, { query: 'num_heads', key: 'num_heads' }).cost(node, shapes)
    const packed = fromInputs([0], ([q]) => {
      if (q?.length !== 5) return undefined
      const [batch = 1, length = 1, heads = 1, , width = 1] = q
      return batch * length * length * 2 * heads * width
    })
    return packed.cost(node, shapes)
  },
}

const PACKED = unknownCost('How much is computed depends on the lengths of the sequences packed together.')
const CACHED = unknownCost('How much is computed depends on how full its cache is.')
const SPARSE = unknownCost('How much is computed depends on its window or sparsity layout.')
const STATE = unknownCost('The number of products depends on the state update it is told to use.')

export const attention = {
  Attention: row(separate(4, { query: 'q_num_heads', key: 'kv_num_heads' }), 'expanded'),
  FlexAttention: row(
    separate(Number.POSITIVE_INFINITY, { query: 'q_num_heads', key: 'kv_num_heads' }),
    NO_KERNEL,
  ),
  LinearAttention: row(STATE, unsupported('It keeps a state that its steps update in turn.')),
  RotaryEmbedding: row(free, 'expanded'),
  'com.microsoft:Attention': row(projecting(4), 'expanded'),
  'com.microsoft:DecoderAttention': row(CACHED, FUSED),
  'com.microsoft:DecoderMaskedMultiHeadAttention': row(CACHED, FUSED),
  'com.microsoft:DecoderMaskedSelfAttention': row(CACHED, FUSED),
  'com.microsoft:GatedDeltaNet': row(STATE, FUSED),
  'com.microsoft:GatedRelativePositionBias': row(
    unknownCost('It holds a projection whose size is not in its shapes.'),
    FUSED,
  ),
  'com.microsoft:GemmaRotaryEmbedding': row(free, FUSED),
  'com.microsoft:GroupQueryAttention': row(grouped, 'expanded'),
  'com.microsoft:LinearAttention': row(STATE, FUSED),
  'com.microsoft:LongformerAttention': row(SPARSE, FUSED),
  'com.microsoft:MRotaryEmbedding': row(free, FUSED),
  'com.microsoft:MultiHeadAttention': row(multiHead, 'expanded'),
  'com.microsoft:PackedAttention': row(PACKED, FUSED),
  'com.microsoft:PackedMultiHeadAttention': row(PACKED, FUSED),
  'com.microsoft:PagedAttention': row(CACHED, FUSED),
  'com.microsoft:QAttention': row(projecting(8), QUANTIZED),
  'com.microsoft:QOrderedAttention': row(
    unknownCost('It holds several projections in a layout of its own.'),
    QUANTIZED,
  ),
  'com.microsoft:RelativePositionBias': row(free, FUSED),
  'com.microsoft:RotaryEmbedding': row(free, 'expanded'),
  'com.microsoft:SparseAttention': row(SPARSE, FUSED),
} satisfies Record<AttentionOp, OpRow>
