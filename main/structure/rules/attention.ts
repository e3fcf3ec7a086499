/**
 * Channels through fused attention. The width of an axis is heads × width of one; where keys have fewer heads, each
 * serves as many queries, and query heads are key heads × ratio: reducing either factor keeps the ratio whole.
 * ORT's operators: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { attribute, floatAttribute, intAttribute, intsAttribute } from '../../onnx/build'
import { type Dim, newDim, productOf, sumOf } from '../dims'
import { setAttribute } from '../edits'
import type { ChannelRule, Site } from '../flow'

/** Heads in an attribute. */
function keepCount(s: Site, name: string, dim: Dim): void {
  s.edit((node, slicing) => {
    if (slicing.changed(dim)) setAttribute(node, name, BigInt(slicing.size(dim)))
  })
}

/** The factor 1/√d is written down where it would follow the width of a head. */
function keepScale(s: Site, width: Dim): void {
  s.edit((node, slicing) => {
    const implied = !attribute(node, 'scale') || floatAttribute(node, 'scale', 0) === 0
    if (slicing.changed(width) && implied) setAttribute(node, 'scale', 1 / Math.sqrt(width.size))
  })
}

/** […, heads or 1, S, T]: a bias by head goes with its head. */
function bias(s: Site, dims: readonly Dim[], heads: Dim): void {
  s.place([...dims.slice(0, -3), ...dims.slice(-2)])
  if (dims.length > 2 && dims.at(-3)?.size === heads.size) s.unify(dims.at(-3), heads)
}

/** [B, heads, T, width]: keys or values of before, or those given on. */
function cached(s: Site, dims: readonly Dim[], heads: Dim, width: Dim): void {
  if (dims.length !== 4) return
  s.place([dims[0], dims[2]])
  s.unify(dims[1], heads)
  s.unify(dims[3], width)
}

/** com.microsoft: x [B, S, C], weight [C, 2·heads·width + heads·mixed], bias; y [B, S, heads·mixed]; past [2, B, heads, T, width]. */
export const packedAttention: ChannelRule = s => {
  const [x, w, y] = [s.input(0), s.input(1), s.output()]
  if (s.has(6)) return s.opaque('Attention with a buffer of keys has no rule.')
  const listed = intsAttribute(s.node, 'qkv_hidden_sizes')
  const total = w[1]?.size ?? 0
  const [queries, , values] = listed ?? [total / 3, total / 3, total / 3]
  const head = newDim(intAttribute(s.node, 'num_heads', 1))
  const width = newDim((queries ?? 0) / head.size)
  const mixed = listed ? newDim((values ?? 0) / head.size) : width
  const [one, last] = [productOf([head, width]), productOf([head, mixed])]
  s.unify(x[2], w[0])
  s.unify(w[1], sumOf([one, one, last]))
  s.unify(s.input(2)[0], w[1])
  s.unify(y[2], last)
  s.place([...x.slice(0, 2), ...y.slice(0, 2), ...s.input(3)])
  for (const past of [s.input(4), s.output(1)]) cached(s, past.slice(1), head, width)
  s.place([s.input(4)[0], s.output(1)[0]])
  bias(s, s.input(5), head)
  keepCount(s, 'num_heads', head)
  keepScale(s, width)
  s.edit((node, slicing) => {
    if (!listed || !(slicing.changed(one) || slicing.changed(last))) return
    const sizes = [one, one, last].map(dim => BigInt(slicing.size(dim)))
    setAttribute(node, 'qkv_hidden_sizes', sizes)
  })
}

/** com.microsoft: query, key, value [B, S, heads·width] and a bias over all three; keys and values of before. */
export const multiHeadAttention: ChannelRule = s => {
  const [q, k, v, y] = [s.input(0), s.input(1), s.input(2), s.output()]
  if (q.length !== 3 || k.length !== 3 || v.length !== 3 || s.node.input.slice(8).some(Boolean))
    return s.opaque('Packed or buffered keys and values have no rule.')
  const head = newDim(intAttribute(s.node, 'num_heads', 1))
  const width = newDim((q[2]?.size ?? 0) / head.size)
  const mixed = newDim((v[2]?.size ?? 0) / head.size)
  const [one, last] = [productOf([head, width]), productOf([head, mixed])]
  s.unify(q[2], one)
  s.unify(k[2], one)
  s.unify(v[2], last)
  s.unify(y[2], last)
  if (s.has(3)) s.unify(s.input(3)[0], sumOf([one, one, last]))
  s.place([...[q, k, v, y].flatMap(dims => dims.slice(0, 2)), ...s.input(4)])
  bias(s, s.input(5), head)
  for (const dims of [s.input(6), s.output(1)]) cached(s, dims, head, width)
  for (const dims of [s.input(7), s.output(2)]) cached(s, dims, head, mixed)
  keepCount(s, 'num_heads', head)
  keepScale(s, width)
}

/**
 * com.microsoft: query [B, S, heads·width], key and value [B, S, kv·width], or all three in one; keys and values of
 * before [B, kv, T, width]. Its kernels want widths that are multiples of 8, and tables of rotations follow the width.
 */
export const groupQueryAttention: ChannelRule = s => {
  const [q, k, v, y] = [s.input(0), s.input(1), s.input(2), s.output()]
  if (s.node.input.slice(12).some(Boolean)) return s.opaque('Quantized keys and values have no rule.')
  const [count, shared] = [intAttribute(s.node, 'num_heads', 1), intAttribute(s.node, 'kv_num_heads', 1)]
  const keys = newDim(shared)
  const queries = productOf([keys, newDim(count / shared)])
  const width = newDim((y[2]?.size ?? 0) / count)
  const [wide, narrow] = [productOf([queries, width]), productOf([keys, width])]
  s.fix([width], `${s.node.opType} needs this width of its heads.`)
  s.unify(q[2], s.has(1) ? wide : sumOf([wide, narrow, narrow]))
  for (const dims of [k, v]) s.unify(dims[2], narrow)
  s.unify(y[2], wide)
  const settings = [5, 6, 7, 8, 9].flatMap(i => s.input(i))
  s.place([...[q, k, v, y].flatMap(dims => dims.slice(0, 2)), ...settings])
  for (const dims of [s.input(3), s.input(4), s.output(1), s.output(2)]) cached(s, dims, keys, width)
  bias(s, s.input(10), queries)
  s.unify(s.input(11)[0], queries)
  keepCount(s, 'num_heads', queries)
  keepCount(s, 'kv_num_heads', keys)
}

/** ai.onnx Attention: [B, heads, S, width], or [B, S, heads·width] with the numbers of heads as attributes. */
export const attention: ChannelRule = s => {
  const [q, k, v, y] = [s.input(0), s.input(1), s.input(2), s.output()]
  const flat = q.length === 3
  const heads = (dims: readonly Dim[], name: string) =>
    flat ? intAttribute(s.node, name, 1) : (dims[1]?.size ?? 1)
  const keys = newDim(heads(k, 'kv_num_heads'))
  const count = heads(q, 'q_num_heads')
  const queries = productOf([keys, newDim(count / keys.size)])
  const per = (dims: readonly Dim[], all: number) => newDim((dims.at(-1)?.size ?? 0) / (flat ? all : 1))
  const [width, mixed] = [per(q, count), per(v, keys.size)]
  const meet = (dims: readonly Dim[], head: Dim, inner: Dim) => {
    if (!flat) return cached(s, dims, head, inner)
    s.unify(dims[2], productOf([head, inner]))
    s.place(dims.slice(0, 2))
  }
  meet(q, queries, width)
  meet(k, keys, width)
  meet(v, keys, mixed)
  meet(y, queries, mixed)
  bias(s, s.input(3), queries)
  for (const dims of [s.input(4), s.output(1)]) cached(s, dims, keys, width)
  for (const dims of [s.input(5), s.output(2)]) cached(s, dims, keys, mixed)
  bias(s, s.output(3), queries)
  s.place(s.input(6))
  if (flat) {
    keepCount(s, 'q_num_heads', queries)
    keepCount(s, 'kv_num_heads', keys)
  }
  keepScale(s, width)
}

/** Turns pairs of a head's numbers: x [B, heads, S, width], or [B, S, heads·width] with heads as attribute. */
export function rotary(tables: readonly number[]): ChannelRule {
  return s => {
    const x = s.input(0)
    s.broadcast(x, s.output())
    s.place(tables.flatMap(i => s.input(i)))
    const message = `${s.node.opType} tells the numbers of a head apart.`
    if (x.length === 4) return s.fix([x[3]], message)
    const listed = intAttribute(s.node, 'num_heads', 0)
    const table = s.input(tables.at(-1) ?? 0).at(-1)?.size ?? 0
    const count = listed > 0 ? listed : (x.at(-1)?.size ?? 0) / (2 * table)
    const [head, width] = [newDim(count), newDim((x.at(-1)?.size ?? 0) / count)]
    s.unify(x.at(-1), productOf([head, width]))
    s.fix([width], message)
    s.place(x.slice(0, -1))
    if (listed > 0) keepCount(s, 'num_heads', head)
  }
}
