/** Gradients of activations that take more than a line. σ is the logistic function, Φ and φ the normal distribution. */
import { floatAttribute, intAttribute, stringAttribute } from '../onnx/build'
import type { Builder, Operand, Value } from './builder'
import { elementwise, pullback, type Vjp } from './gradient'

/** f′ = a for x > 0, b elsewhere. */
export function split(m: Builder, x: Value, a: Operand, b: Operand): Value {
  if (typeof a === 'number' && typeof b === 'number')
    return m.where(m.greater(x, 0), m.scalar(a, x.type), m.scalar(b, x.type))
  return m.where(m.greater(x, 0), a, b)
}

/** x̄ = ȳ·[x > t]; nothing flows at x = t. */
export function step(threshold: (read: (name: string, fallback: number) => number) => number): Vjp {
  return pullback((m, g, x, _, node) =>
    m.mul(
      g,
      m.above(
        x,
        threshold((name, fallback) => floatAttribute(node, name, fallback)),
      ),
    ),
  )
}

/** f′ = Φ(x) + x·φ(x), or with approximate = tanh, u = √(2/π)(x + 0.044715x³): ½(1 + tanh u) + ½x(1 − tanh² u)·u′ */
export const gelu = elementwise((m, x, _, node) => {
  return stringAttribute(node, 'approximate', 'none') === 'tanh' ? geluTanh(m, x) : geluErf(m, x)
})

/** In few passes over the tensor: t = x/√2, Φ = clip(½·erf(t) + ½, 0, 1), φ = exp(−ln √(2π) − t²). */
function geluErf(m: Builder, x: Value): Value {
  const t = m.mul(x, Math.SQRT1_2)
  const phi = m.unary('HardSigmoid', m.unary('Erf', t), { alpha: 0.5, beta: 0.5 })
  const density = m.unary('Exp', m.sub(-0.5 * Math.log(2 * Math.PI), m.square(t)))
  return m.add(phi, m.mul(x, density))
}

/** com.microsoft: y = gelu(x + b), with the tanh approximation for FastGelu, the bias optional. */
export function biasGelu(approximate: boolean): Vjp {
  return s => {
    const x = s.has(1) ? s.m.add(s.input(0), s.input(1)) : s.input(0)
    const g = s.m.mul(s.grad(), approximate ? geluTanh(s.m, x) : geluErf(s.m, x))
    return s.has(1) ? [g, g] : [g]
  }
}

function geluTanh(m: Builder, x: Value): Value {
  const c = Math.sqrt(2 / Math.PI)
  const square = m.square(x)
  const t = m.unary('Tanh', m.mul(x, m.add(m.mul(square, c * 0.044715), c)))
  const slope = m.add(m.mul(square, 3 * c * 0.044715), c)
  const rest = m.mul(m.mul(x, m.sub(1, m.square(t))), slope)
  return m.mul(m.add(m.add(t, 1), rest), 0.5)
}

/** y = x·σ(αx): f′ = σ + α·y·(1 − σ) */
export function swish(alpha: number): Vjp {
  return elementwise((m, x, y, node) => {
    const a = floatAttribute(node, 'alpha', alpha)
    const s = m.unary('Sigmoid', m.mul(x, a))
    return m.add(s, m.mul(m.mul(y, m.sub(1, s)), a))
  })
}

/** y = x·t, t = tanh(softplus x): f′ = t + x·(1 − t²)·σ(x) */
export const mish = elementwise((m, x) => {
  const t = m.unary('Tanh', m.unary('Softplus', x))
  return m.add(t, m.mul(m.mul(x, m.sub(1, m.square(t))), m.unary('Sigmoid', x)))
})

/** y = x·clip(x/6 + ½, 0, 1): f′ = clip(x/3 + ½) inside (−3, 3), 0 below, 1 above. */
export const hardSwish = elementwise((m, x) => {
  const inside = m.mul(m.add(m.mul(x, 1 / 3), 0.5), m.mul(m.above(x, -3), m.below(x, 3)))
  return m.add(inside, m.sub(1, m.below(x, 3)))
})

/** y = clip(αx + β, 0, 1): f′ = α strictly inside, 0 at the bends. */
export const hardSigmoid = elementwise((m, _, y, node) =>
  m.mul(m.mul(m.above(y, 0), m.below(y, 1)), floatAttribute(node, 'alpha', 0.2)),
)

/** y = clip(x, low, high): x̄ = ȳ where low ≤ x ≤ high (1 at the bounds, as PyTorch); the rest flows to the bounds. */
export const clip: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  const g = s.grad()
  // Within the bounds, and nowhere else, y is x. A product is faster than Where.
  if (!s.needs(1) && !s.needs(2)) return [m.mul(g, m.cast(m.equal(x, s.output()), x.type))]
  const low = s.has(1) ? m.below(x, s.input(1)) : undefined
  const high = s.has(2) ? m.cast(m.greater(x, s.input(2)), x.type) : undefined
  const outside = low && high ? m.add(low, high) : (low ?? high)
  const inside = outside ? m.mul(g, m.sub(1, outside)) : g
  return [
    s.needs(0) ? inside : undefined,
    low && s.needs(1) ? m.mul(g, low) : undefined,
    high && s.needs(2) ? m.mul(g, high) : undefined,
  ]
}

/** y = x for x > 0, a·x elsewhere: x̄ = ȳ·(1 or a), ā = ȳ·min(x, 0) */
export const prelu: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  return [
    s.needs(0) ? m.mul(s.grad(), split(m, x, 1, s.input(1))) : undefined,
    s.needs(1) ? m.mul(s.grad(), m.sub(x, m.unary('Relu', x))) : undefined,
  ]
}

/** x̄ = y·(ȳ − Σ ȳ·y) along the axis */
export const softmax = pullback((m, g, _, y, node) => {
  const axis = axisOf(intAttribute(node, 'axis', -1), y)
  const product = axis === y.shape.length - 1 ? m.rowProduct(g, y) : undefined
  if (product) return m.mul(y, m.sub(g, product))
  const gy = m.mul(g, y)
  return m.sub(gy, m.mul(y, m.sum(gy, [axis])))
})

/** x̄ = ȳ − exp(y)·Σ ȳ along the axis */
export const logSoftmax = pullback((m, g, _, y, node) => {
  const axis = axisOf(intAttribute(node, 'axis', -1), y)
  return m.sub(g, m.mul(m.unary('Exp', y), m.sum(g, [axis])))
})

/** An axis counted from the front. */
export function axisOf(axis: number, x: Value): number {
  return axis < 0 ? axis + x.shape.length : axis
}
