/** Channels through recurrent layers and fused attention. */
import { attribute, floatAttribute, intAttribute, intsAttribute } from '../../onnx/build'
import { type Dim, fixedDim, newDim, productOf, sumOf } from '../dims'
import { setAttribute } from '../edits'
import type { ChannelRule, Site } from '../flow'

/**
 * With g gates (LSTM 4, GRU 3, RNN 1): W [dirs, g·H, I], R [dirs, g·H, H], B [dirs, 2·g·H], P [dirs, 3·H];
 * X [L, B, I], Y [L, dirs, B, H], states [dirs, B, H], or with layout 1 the batch first.
 * https://onnx.ai/onnx/operators/onnx__LSTM.html
 */
export function recurrent(gates: number): ChannelRule {
  return s => {
    const [x, w, r] = [s.input(0), s.input(1), s.input(2)]
    const hidden = r[2]
    if (!hidden) return
    const times = (n: number) => productOf([gate(s, n), hidden])
    s.unify(x[2], w[2])
    s.unify(w[1], times(gates))
    s.unify(r[1], times(gates))
    if (s.has(3)) s.unify(s.input(3)[1], times(2 * gates))
    for (const i of [5, 6]) if (s.has(i)) s.unify(s.input(i)[2], hidden)
    if (s.has(7)) s.unify(s.input(7)[1], times(3))
    const directions = [w[0], r[0], ...[3, 5, 6, 7].map(i => s.input(i)[0])]
    s.place([...x.slice(0, 2), ...s.input(4), ...directions])
    for (const [i] of s.node.output.entries()) {
      const y = s.output(i)
      s.unify(y.at(-1), hidden)
      s.place(y.slice(0, -1))
    }
    s.edit((node, slicing) => {
      if (slicing.changed(hidden)) setAttribute(node, 'hidden_size', BigInt(slicing.size(hidden)))
    })
  }
}

function gate(s: Site, size: number): Dim {
  return fixedDim(size, { message: `${s.node.opType} needs this number.`, node: s.where, place: true })
}

/** Heads in an attribute, and the factor 1/√d written down where it would follow the width of a head. */
function heads(s: Site, name: string, size: number): Dim {
  const dim = newDim(size)
  s.edit((node, slicing) => {
    if (slicing.changed(dim)) setAttribute(node, name, BigInt(slicing.size(dim)))
  })
  return dim
}

function keepScale(s: Site, width: Dim): void {
  s.edit((node, slicing) => {
    const implied = !attribute(node, 'scale') || floatAttribute(node, 'scale', 0) === 0
    if (slicing.changed(width) && implied) setAttribute(node, 'scale', 1 / Math.sqrt(width.size))
  })
}

/** com.microsoft: x [B, S, C], weight [C, 3·heads·width], bias; y [B, S, heads·width]. */
export const packedAttention: ChannelRule = s => {
  const [x, w, y] = [s.input(0), s.input(1), s.output()]
  if (s.node.input.slice(3).some(Boolean) || intsAttribute(s.node, 'qkv_hidden_sizes')) {
    s.opaque('Attention with a mask, a past or unequal widths has no rule.')
    return
  }
  const count = intAttribute(s.node, 'num_heads', 1)
  const head = heads(s, 'num_heads', count)
  const width = newDim((w[1]?.size ?? 0) / 3 / count)
  const one = productOf([head, width])
  s.unify(x[2], w[0])
  s.unify(w[1], sumOf([one, one, one]))
  s.unify(s.input(2)[0], w[1])
  s.unify(y[2], one)
  s.place([...x.slice(0, 2), ...y.slice(0, 2)])
  keepScale(s, width)
}

/** com.microsoft: query, key, value [B, S, heads·width] and a bias over all three. */
export const multiHeadAttention: ChannelRule = s => {
  const [q, k, v, y] = [s.input(0), s.input(1), s.input(2), s.output()]
  if (q.length !== 3 || k.length !== 3 || v.length !== 3 || s.node.input.slice(6).some(Boolean)) {
    s.opaque('Packed or cached keys and values have no rule.')
    return
  }
  const head = heads(s, 'num_heads', intAttribute(s.node, 'num_heads', 1))
  const width = newDim((q[2]?.size ?? 0) / head.size)
  const mixed = newDim((v[2]?.size ?? 0) / head.size)
  s.unify(q[2], productOf([head, width]))
  s.unify(k[2], productOf([head, width]))
  s.unify(v[2], productOf([head, mixed]))
  s.unify(y[2], productOf([head, mixed]))
  if (s.has(3))
    s.unify(
      s.input(3)[0],
      sumOf([productOf([head, width]), productOf([head, width]), productOf([head, mixed])]),
    )
  const others = [q, k, v, y].flatMap(dims => dims.slice(0, 2))
  s.place([...others, ...s.input(4), ...s.input(5)])
  keepScale(s, width)
}

/**
 * ai.onnx Attention: [B, heads, S, width], or [B, S, heads·width] with the numbers of heads as attributes. Where keys
 * have fewer heads each serves as many queries: query heads = key heads × ratio.
 */
export const attention: ChannelRule = s => {
  const [q, k, v, y] = [s.input(0), s.input(1), s.input(2), s.output()]
  if (s.node.input.slice(4).some(Boolean) || s.node.output.slice(1).some(Boolean)) {
    s.opaque('Attention with a past has no rule.')
    return
  }
  const flat = q.length === 3
  const counts = {
    q: flat ? intAttribute(s.node, 'q_num_heads', 1) : (q[1]?.size ?? 1),
    k: flat ? intAttribute(s.node, 'kv_num_heads', 1) : (k[1]?.size ?? 1),
  }
  const shared = flat ? heads(s, 'kv_num_heads', counts.k) : newDim(counts.k)
  const queries = productOf([shared, gate(s, counts.q / counts.k)])
  const per = (dims: readonly Dim[], count: number) => newDim((dims.at(-1)?.size ?? 0) / (flat ? count : 1))
  const [width, mixed] = [per(q, counts.q), per(v, counts.k)]
  const meet = (dims: readonly Dim[], head: Dim, inner: Dim) => {
    if (flat) s.unify(dims[2], productOf([head, inner]))
    else {
      s.unify(dims[1], head)
      s.unify(dims[3], inner)
    }
    s.place(flat ? dims.slice(0, 2) : [dims[0], dims[2]])
  }
  meet(q, queries, width)
  meet(k, shared, width)
  meet(v, shared, mixed)
  meet(y, queries, mixed)
  s.edit((node, slicing) => {
    if (flat && slicing.changed(queries)) setAttribute(node, 'q_num_heads', BigInt(slicing.size(queries)))
  })
  const mask = s.input(3)
  if (mask.length > 2) s.unify(mask.at(-3), mask.at(-3)?.size === counts.q ? queries : undefined)
  s.place(mask.slice(-2))
  keepScale(s, width)
}
