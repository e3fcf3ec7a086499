/**
 * Rotary position embedding (Su et al. 2021, "RoFormer"): the first R elements of each head are taken as R/2 pairs, and
 * pair i at position t is turned: (a·cos − b·sin, a·sin + b·cos). Pairs are neighbours when interleaved, else i and i + R/2.
 */
import { floatAttribute, intAttribute } from '../../onnx/build'
import type { Builder, Value } from '../../operators/builder'
import { range, splitInto } from './attend'
import { Declined, type Expansion, type Place } from './expansion'

/** Turns x […, H] by angles cos and sin […, R/2], which broadcast to x but for the last axis. */
export function rotate(m: Builder, x: Value, cos: Value, sin: Value, interleaved: boolean): Value {
  const axis = x.shape.length - 1
  const width = Number(x.shape[axis])
  const half = Number(cos.shape.at(-1))
  const [turned, rest] = 2 * half === width ? [x] : splitInto(m, x, [2 * half, width - 2 * half], axis)
  const [a, b] = pairs(m, turned as Value, half, interleaved)
  const left = m.sub(m.mul(a, cos), m.mul(b, sin))
  const right = m.add(m.mul(a, sin), m.mul(b, cos))
  const y = interleaved
    ? woven(m, left, right, turned as Value)
    : m.concat([left, right], axis, (turned as Value).shape)
  return rest ? m.concat([y, rest], axis, x.shape) : y
}

function pairs(m: Builder, x: Value, half: number, interleaved: boolean): [Value, Value] {
  const axis = x.shape.length - 1
  if (!interleaved) return splitInto(m, x, [half, half], axis) as [Value, Value]
  const lead = x.shape.slice(0, -1)
  const wide = m.reshape(x, [
    ...lead.map((d, i) => (typeof d === 'number' ? d : { of: x, axis: i })),
    half,
    2,
  ])
  const parts = splitInto(m, wide, [1, 1], axis + 1)
  return parts.map(v => m.emit('Squeeze', [v, m.ints([axis + 1])], [...lead, half])) as [Value, Value]
}

function woven(m: Builder, left: Value, right: Value, like: Value): Value {
  const axis = left.shape.length
  const parts = [left, right].map(v => m.emit('Unsqueeze', [v, m.ints([axis])], [...v.shape, 1]))
  return m.reshapeLike(m.concat(parts, axis, [...left.shape, 2]), like)
}

/** Rows of a cache [positions, R/2] at positions 0 … S − 1 of axis `axis` of x: [S, R/2]. */
export function firstRows(m: Builder, cache: Value, x: Value, axis: number): Value {
  return m.emit('Gather', [cache, range(m, x, axis)], [x.shape[axis] ?? '', cache.shape[1] ?? ''])
}

/** Both domains: they differ in the order of inputs, and com.microsoft may be given a single offset as positions. */
export const rotaryEmbedding: Expansion = p => {
  const { m, node } = p
  const contrib = node.domain === 'com.microsoft'
  if (intAttribute(node, 'is_packed_batching', 0)) throw new Declined('Its sequences are packed together.')
  if (contrib && floatAttribute(node, 'scale', 1) !== 1) throw new Declined('It scales its positions.')
  const x = p.input(0)
  const [cos, sin] = angles(p, contrib)
  const interleaved = intAttribute(node, 'interleaved', 0) !== 0
  if (x.shape.length === 4) return [rotate(m, x, heads(m, cos, 1), heads(m, sin, 1), interleaved)]
  const width = Number(x.shape[2])
  const count = intAttribute(node, 'num_heads', 0) || width / (2 * Number(cos.shape.at(-1)))
  const lead = [0, 1].map(axis => {
    const d = x.shape[axis]
    return typeof d === 'number' ? d : { of: x, axis }
  })
  const split = m.reshape(x, [...lead, count, width / count])
  return [m.reshapeLike(rotate(m, split, heads(m, cos, 2), heads(m, sin, 2), interleaved), x)]
}

/** An axis for the heads before or after that of the sequence: angles are […, S, R/2]. */
function heads(m: Builder, angle: Value, place: 1 | 2): Value {
  const axis = place === 1 ? angle.shape.length - 2 : angle.shape.length - 1
  const shape = [...angle.shape.slice(0, axis), 1, ...angle.shape.slice(axis)]
  return m.emit('Unsqueeze', [angle, m.ints([axis])], shape)
}

/** Cosines and sines [B, S, R/2] or [S, R/2]. */
function angles(p: Place, contrib: boolean): [Value, Value] {
  const { m } = p
  const [first, positions] = contrib ? [2, 1] : [1, 3]
  const caches = [p.input(first), p.input(first + 1)] as [Value, Value]
  if (!p.has(positions)) return caches
  let at = p.input(positions)
  if (contrib && at.shape.length === 1) {
    const x = p.input(0)
    at = m.add(range(m, x, x.shape.length === 4 ? 2 : 1), at)
  }
  return caches.map(c => m.emit('Gather', [c, at], [...at.shape, c.shape[1] ?? ''])) as [Value, Value]
}
