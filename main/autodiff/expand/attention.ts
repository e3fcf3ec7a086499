/**
 * Attention as exporters and the optimizer of ONNX Runtime write it, taken apart into MatMul and Softmax. Training has no
 * cache of keys and values: nodes that read one are left, those that give one out give the keys and values they used.
 */
import type { NodeProto } from 'onnx-buf'
import { attribute, floatAttribute, intAttribute, intsAttribute } from '../../onnx/build'
import type { Value } from '../../operators/builder'
import { attend, mergeHeads, range, repeatHeads, splitHeads, splitInto } from './attend'
import { Declined, type Expansion, type Place } from './expansion'
import { firstRows, rotate } from './rotary'

const CACHE = 'It reads a cache of keys and values, which training does not have.'

function declineInputs(p: Place, indices: readonly number[], reason: string): void {
  if (indices.some(index => p.has(index))) throw new Declined(reason)
}

function scaleOf(node: NodeProto, width: number): number {
  return floatAttribute(node, 'scale', 0) || 1 / Math.sqrt(width)
}

/** Q, K, V with the number of heads each has. ai.onnx: fewer key heads than query heads are shared. */
export const attention: Expansion = p => {
  const { m, node } = p
  declineInputs(p, [4, 5, 6], CACHE)
  if (p.wants(3)) throw new Declined('It gives out its scores.')
  const flat = p.input(0).shape.length === 3
  const heads = (index: number, name: string) =>
    flat ? splitHeads(m, p.input(index), intAttribute(node, name, 1)) : p.input(index)
  const [q, k, v] = [heads(0, 'q_num_heads'), heads(1, 'kv_num_heads'), heads(2, 'kv_num_heads')]
  const times = Number(q.shape[1]) / Number(k.shape[1])
  const mask = p.has(3) ? p.input(3) : undefined
  const y = attend(m, q, repeatHeads(m, k, times), repeatHeads(m, v, times), {
    scale: scaleOf(node, Number(q.shape[3])),
    softcap: floatAttribute(node, 'softcap', 0),
    causal: intAttribute(node, 'is_causal', 0) !== 0,
    ...(mask?.type === 'bool' ? { allowed: mask } : { bias: mask }),
  })
  return [flat ? mergeHeads(m, y) : y, k, v]
}

/** com.microsoft: x·W + b gives queries, keys and values. */
export const projectedAttention: Expansion = p => {
  const { m, node } = p
  declineInputs(p, [4], CACHE)
  if (intAttribute(node, 'do_rotary', 0)) throw new Declined('It turns its queries and keys by position.')
  const product = m.matmul(p.input(0), p.input(1))
  const all = p.has(2) ? m.add(product, p.input(2)) : product
  const heads = intAttribute(node, 'num_heads', 1)
  const width = Number(p.input(1).shape[1])
  const sizes = intsAttribute(node, 'qkv_hidden_sizes') ?? [width / 3, width / 3, width / 3]
  const [q, k, v] = splitInto(m, all, sizes, 2).map(x => splitHeads(m, x, heads)) as [Value, Value, Value]
  const y = attend(m, q, k, v, {
    scale: scaleOf(node, (sizes[0] ?? 0) / heads),
    causal: intAttribute(node, 'unidirectional', 0) !== 0,
    bias: added(p, p.has(5) ? p.input(5) : undefined, p.has(3) ? keyMask(p, 3, k) : undefined),
  })
  return [mergeHeads(m, y)]
}

function added(p: Place, a: Value | undefined, b: Value | undefined): Value | undefined {
  return a && b ? p.m.add(a, b) : (a ?? b)
}

/**
 * com.microsoft masks as what is added to the scores: `mask_filter_value` where a key must not be seen. They are lengths
 * [B], or ones where a key may be seen, [B, L] or [B, S, L].
 */
function keyMask(p: Place, input: number, k: Value): Value {
  const { m, node } = p
  const mask = p.input(input)
  const filter = floatAttribute(node, 'mask_filter_value', -10000)
  const type = p.input(0).type
  const rank = mask.shape.length
  const lengths = rank === 1 && mask.shape[0] === k.shape[0]
  if (!lengths && rank !== 2 && rank !== 3) throw new Declined('Its mask is neither of lengths nor of keys.')
  const allowed = lengths
    ? m.greater(
        m.emit('Unsqueeze', [m.cast(mask, 'int64'), m.ints([1])], [mask.shape[0] ?? '', 1]),
        range(m, k, 2),
      )
    : mask
  // [B, 1, 1, L] or [B, 1, S, L]
  const axes = rank === 3 ? [1] : [1, 2]
  const shape = [allowed.shape[0] ?? '', ...axes.map(() => 1), ...allowed.shape.slice(1)]
  const wide = m.emit('Unsqueeze', [m.cast(allowed, type), m.ints(axes)], shape)
  return m.mul(m.sub(1, wide), filter)
}

/** com.microsoft: separate queries, keys and values [B, S, D]; keys and values may have their heads apart already. */
export const multiHeadAttention: Expansion = p => {
  const { m, node } = p
  declineInputs(p, [6, 7, 8, 9], CACHE)
  if (p.wants(3)) throw new Declined('It gives out its scores.')
  const [q, k, v] = separateHeads(p)
  const y = attend(m, q, k, v, {
    scale: scaleOf(node, Number(q.shape[3])),
    causal: intAttribute(node, 'unidirectional', 0) !== 0,
    bias: added(p, p.has(5) ? p.input(5) : undefined, p.has(4) ? keyMask(p, 4, k) : undefined),
  })
  return [mergeHeads(m, y), k, v]
}

function separateHeads(p: Place): [Value, Value, Value] {
  const { m, node } = p
  const heads = intAttribute(node, 'num_heads', 1)
  const first = p.input(0)
  if (first.shape.length === 5 || !p.has(2))
    throw new Declined('Its keys and values are packed, which ONNX Runtime cannot run on a CPU.')
  const inputs = [first, p.input(1), p.input(2)]
  const widths = inputs.map(x =>
    Number(x.shape.length === 4 ? Number(x.shape[1]) * Number(x.shape[3]) : x.shape[2]),
  )
  const biases = p.has(3) ? splitInto(m, p.input(3), widths, 0) : []
  return inputs.map((x, i) => {
    if (x.shape.length === 4) return x
    const bias = biases[i]
    return splitHeads(m, bias ? m.add(x, bias) : x, heads)
  }) as [Value, Value, Value]
}

/** com.microsoft: causal, fewer key heads than query heads, and rotary embedding inside. Sequences start at position 0. */
export const groupQueryAttention: Expansion = p => {
  const { m, node } = p
  declineInputs(p, [3, 4], CACHE)
  declineInputs(p, [9, 11], 'It is given positions or sinks.')
  if (intAttribute(node, 'smooth_softmax', 0)) throw new Declined('Its softmax has a further term.')
  const [heads, shared] = [intAttribute(node, 'num_heads', 1), intAttribute(node, 'kv_num_heads', 1)]
  const packed = p.input(0)
  const each = Number(packed.shape[2]) / (p.has(1) ? heads : heads + 2 * shared)
  const parts = p.has(1)
    ? [packed, p.input(1), p.input(2)]
    : splitInto(m, packed, [heads * each, shared * each, shared * each], 2)
  const turn = (x: Value) => {
    if (!intAttribute(node, 'do_rotary', 0)) return x
    const [cos, sin] = [7, 8].map(index => firstRows(m, p.input(index), x, 2)) as [Value, Value]
    return rotate(m, x, cos, sin, intAttribute(node, 'rotary_interleaved', 0) !== 0)
  }
  const [q, k, v] = parts.map((x, i) => splitHeads(m, x, i === 0 ? heads : shared)) as [Value, Value, Value]
  const keys = turn(k)
  const window = intAttribute(node, 'local_window_size', -1)
  const y = attend(m, turn(q), repeatHeads(m, keys, heads / shared), repeatHeads(m, v, heads / shared), {
    scale: scaleOf(node, each),
    softcap: attribute(node, 'softcap') ? floatAttribute(node, 'softcap', 0) : 0,
    causal: true,
    ...(window > 0 ? { window } : {}),
    bias: p.has(10) ? p.input(10) : undefined,
  })
  return [mergeHeads(m, y), keys, v]
}
