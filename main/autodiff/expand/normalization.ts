/** Normalizations taken apart into LayerNormalization and InstanceNormalization. */
import { floatAttribute, intAttribute, intsAttribute } from '../../onnx/build'
import type { Builder, Value } from '../../operators/builder'
import { Declined, type Expansion, type Place } from './expansion'

/**
 * Statistics over each group of channels: instance normalization of x [N, G, rest]. Up to operator set 20 scale and bias
 * are those of the groups, later those of the channels.
 */
export const groupNormalization: Expansion = p => {
  const { m } = p
  const [x, scale, bias] = [p.input(0), p.input(1), p.input(2)]
  const groups = intAttribute(p.node, 'num_groups', 1)
  const epsilon = floatAttribute(p.node, 'epsilon', 1e-5)
  const flat = m.reshape(x, [{ of: x, axis: 0 }, groups, -1])
  const byGroup = m.opset < 21
  const full = (value: number) => m.constant(x.type, [groups], Array(groups).fill(value))
  const inputs = [flat, byGroup ? scale : full(1), byGroup ? bias : full(0)]
  const unit = m.emit('InstanceNormalization', inputs, flat.shape, { attributes: { epsilon } })
  const y = m.reshapeLike(unit, x)
  if (byGroup) return [y]
  const channel = (v: Value) => m.reshape(v, [{ of: v, axis: 0 }, ...x.shape.slice(2).map(() => 1)])
  return [m.add(m.mul(y, channel(scale)), channel(bias))]
}

/** y = (x − μ)/(σ + 10⁻⁹) over the axes. */
export const meanVarianceNormalization: Expansion = p => {
  const { m } = p
  const x = p.input(0)
  const axes = (intsAttribute(p.node, 'axes') ?? [0, 2, 3]).map(a => (a < 0 ? a + x.shape.length : a))
  const centred = m.sub(x, m.reduce('ReduceMean', x, axes))
  const deviation = m.unary('Sqrt', m.reduce('ReduceMean', m.square(centred), axes))
  return [m.div(centred, m.add(deviation, 1e-9))]
}

function layer(m: Builder, x: Value, scale: Value, bias: Value | undefined, epsilon: number): Value {
  const inputs = bias ? [x, scale, bias] : [x, scale]
  return m.emit('LayerNormalization', inputs, x.shape, { attributes: { axis: -1n, epsilon } })
}

/** com.microsoft: y = norm(x + skip + bias); the fourth output is the sum. */
export function skip(simplified: boolean): Expansion {
  return p => {
    const { m } = p
    const [beta, bias] = simplified ? [undefined, 3] : [p.has(3) ? p.input(3) : undefined, 4]
    const plain = m.add(p.input(0), p.input(1))
    const sum = p.has(bias) ? m.add(plain, p.input(bias)) : plain
    const epsilon = floatAttribute(p.node, 'epsilon', 1e-12)
    if (!simplified) return [layer(m, sum, p.input(2), beta, epsilon), undefined, undefined, sum]
    const attributes = { axis: -1n, epsilon }
    const y = m.emit('SimplifiedLayerNormalization', [sum, p.input(2)], sum.shape, { attributes })
    return [y, undefined, undefined, sum]
  }
}

/** com.microsoft: the sum of word, position and segment embeddings, normalized; the mask's row sums are output 1. */
export const embedLayerNormalization: Expansion = p => {
  const { m } = p
  const ids = p.input(0)
  const rows = (table: Value, at: Value) => m.emit('Gather', [table, at], [...at.shape, table.shape[1] ?? ''])
  let sum = m.add(rows(p.input(2), ids), rows(p.input(3), positions(p)))
  if (p.has(1) && p.has(4)) sum = m.add(sum, rows(p.input(4), p.input(1)))
  const y = layer(m, sum, p.input(5), p.input(6), floatAttribute(p.node, 'epsilon', 1e-12))
  if (p.wants(1) && !p.has(7)) throw new Declined('It gives out a mask it was not given.')
  return [y, p.has(7) ? m.sum(p.input(7), [1], false) : undefined, sum]
}

/** Position ids [B, S] when given, else 0 … S − 1. */
function positions(p: Place): Value {
  const { m } = p
  if (p.has(8)) return p.input(8)
  const length = m.emit('Squeeze', [m.dimOf(p.input(0), 1), m.ints([0])], [])
  return m.emit('Range', [m.scalar(0, 'int64'), length, m.scalar(1, 'int64')], [p.input(0).shape[1] ?? ''])
}
