/**
 * Scaled dot-product attention in standard operators: softmax(s·Q·Kᵀ + mask)·V, with Q [B, N, S, H], K [B, N, L, H] and
 * V [B, N, L, E] (Vaswani et al. 2017, "Attention Is All You Need").
 */
import type { Builder, Value } from '../../operators/builder'

/** As good as −∞ under a softmax, and no NaN where everything is masked. */
const LOWEST = -3.4e38

export interface Scores {
  scale: number
  /** c·tanh(s/c) in place of s; 0 for none. */
  softcap?: number
  /** Added to the scores: broadcasts to [B, N, S, L]. */
  bias?: Value | undefined
  /** Keys that may be attended to, bool: broadcasts to [B, N, S, L]. */
  allowed?: Value | undefined
  /** Every query sees the keys up to its own place, and only the last `window` of them when that is given. */
  causal?: boolean
  window?: number
}

export function attend(m: Builder, q: Value, k: Value, v: Value, o: Scores): Value {
  const product = m.matmul(m.mul(q, o.scale), m.transposed(k))
  const capped = o.softcap ? m.mul(m.unary('Tanh', m.div(product, o.softcap)), o.softcap) : product
  const biased = o.bias ? m.add(capped, o.bias) : capped
  const allowed = [o.allowed, o.causal ? causalMask(m, q, k, o.window) : undefined].filter(
    a => a !== undefined,
  )
  const masked = allowed.reduce((scores, mask) => m.where(mask, scores, LOWEST), biased)
  return m.matmul(m.unary('Softmax', masked, { axis: -1n }), v)
}

/** [S, L]: key j may be seen by query i for j ≤ i, and j > i − window. */
function causalMask(m: Builder, q: Value, k: Value, window: number | undefined): Value {
  const rows = m.emit('Unsqueeze', [range(m, q, 2), m.ints([1])], [q.shape[2] ?? '', 1])
  const columns = range(m, k, 2)
  const past = m.not(m.greater(columns, rows))
  return window ? m.and(past, m.greater(columns, m.sub(rows, window))) : past
}

/** 0, 1, … up to a dimension of x. */
export function range(m: Builder, x: Value, axis: number): Value {
  const size = m.emit('Squeeze', [m.dimOf(x, axis), m.ints([0])], [])
  return m.emit('Range', [m.scalar(0, 'int64'), size, m.scalar(1, 'int64')], [x.shape[axis] ?? ''])
}

/** [B, S, N·H] to [B, N, S, H]. */
export function splitHeads(m: Builder, x: Value, heads: number): Value {
  const width = x.shape[2]
  const each = typeof width === 'number' ? width / heads : -1
  return m.transpose(m.reshape(x, [...leading(x), heads, each]), [0, 2, 1, 3])
}

/** [B, N, S, E] to [B, S, N·E]. */
export function mergeHeads(m: Builder, x: Value): Value {
  const [, heads, , each] = x.shape
  const width = typeof heads === 'number' && typeof each === 'number' ? heads * each : -1
  const moved = m.transpose(x, [0, 2, 1, 3])
  return m.reshape(moved, [...leading(moved), width])
}

/** The first two dimensions of a value, to reshape to. */
function leading(x: Value): (number | { of: Value; axis: number })[] {
  return [0, 1].map(axis => {
    const d = x.shape[axis]
    return typeof d === 'number' ? d : { of: x, axis }
  })
}

/** Each of the heads of x [B, n, L, H] `times` times in a row. */
export function repeatHeads(m: Builder, x: Value, times: number): Value {
  if (times === 1) return x
  const heads = Number(x.shape[1])
  const [batch, , length, width] = x.shape
  const wide = m.emit('Unsqueeze', [x, m.ints([2])], [batch ?? '', heads, 1, length ?? '', width ?? ''])
  const shape = m.ints([1, 1, times, 1, 1])
  const all = m.emit('Expand', [wide, shape], [batch ?? '', heads, times, length ?? '', width ?? ''])
  const target = m.concat([m.dimOf(x, 0), m.ints([heads * times]), m.dimOf(x, 2), m.dimOf(x, 3)], 0, [4])
  return m.emit('Reshape', [all, target], [batch ?? '', heads * times, length ?? '', width ?? ''])
}

/** Parts of the given sizes along an axis. */
export function splitInto(m: Builder, x: Value, parts: readonly number[], axis: number): Value[] {
  const shapes = parts.map(n => x.shape.map((d, i) => (i === axis ? n : d)))
  return m.emitMany('Split', [x, m.ints(parts)], shapes, { axis: BigInt(axis) })
}
