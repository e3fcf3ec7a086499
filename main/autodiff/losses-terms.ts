/** Terms that losses are made of. Batch axis 0; every dimension but the ones said otherwise may be symbolic. */
import { type Builder, staticShape, type Value } from '../operators/builder'

/** Mean over all elements, as a scalar. */
export function mean(m: Builder, x: Value): Value {
  return m.reduce('ReduceMean', x, [...x.shape.keys()], false)
}

/** Over the last axis. */
export function logSoftmax(m: Builder, x: Value): Value {
  return m.unary('LogSoftmax', x, { axis: BigInt(x.shape.length - 1) })
}

/** KL(p ‖ q) = Σ p·(log p − log q) over the last axis, from log p and log q; the last axis goes. */
export function divergence(m: Builder, logP: Value, logQ: Value): Value {
  return m.sum(m.mul(m.unary('Exp', logP), m.sub(logP, logQ)), [logP.shape.length - 1], false)
}

/** Huber's function of r ≥ 0, element by element: with q = min(r, δ), q·(r − q/2). */
export function huberOf(m: Builder, r: Value, delta: number): Value {
  const q = m.emit('Min', [r, m.scalar(delta, r.type)], r.shape)
  return m.mul(q, m.sub(r, m.mul(q, 0.5)))
}

/** (a − b)² */
export function squaredGap(m: Builder, a: Value, b: Value): Value {
  return m.square(m.sub(a, b))
}

/** One row per sample: [N, …] → [N, D]. */
export function rows(m: Builder, x: Value): Value {
  if (x.shape.length === 2) return x
  const inner = staticShape(x.shape.slice(1))
  const width = inner ? inner.reduce((all, d) => all * d, 1) : ''
  return m.emit('Flatten', [x], [x.shape[0] ?? '', width], { attributes: { axis: 1n } })
}

/**
 * Rows of length one: x / √(Σx² + ε²). A row of zeros stays zero and passes on no NaN: the root is never of zero, its
 * slope at most 1/ε. ε is far below any norm that carries something.
 */
export function unitRows(m: Builder, x: Value, epsilon = 1e-8): Value {
  const axis = x.shape.length - 1
  return m.div(x, m.unary('Sqrt', m.add(m.sum(m.square(x), [axis]), epsilon * epsilon)))
}
