/** Gradients of elementwise arithmetic that take more than a line. */
import { intAttribute } from '../onnx/build'
import type { Value } from './builder'
import type { Site, Vjp } from './gradient'

/** y = a·b: ā = ȳ·b, b̄ = ȳ·a */
export const mul: Vjp = s => [
  s.needs(0) ? s.m.mul(s.grad(), s.input(1)) : undefined,
  s.needs(1) ? s.m.mul(s.grad(), s.input(0)) : undefined,
]

/** y = a/b: ā = ȳ/b, b̄ = −ȳ·y/b */
export const div: Vjp = s => {
  const { m } = s
  const left = m.div(s.grad(), s.input(1))
  return [left, s.needs(1) ? m.neg(m.mul(left, s.output())) : undefined]
}

/**
 * y = aᵇ: ā = ȳ·b·aᵇ⁻¹, 0 where b = 0 (also at a = 0);  b̄ = ȳ·y·ln a, 0 where a ≤ 0.
 * A constant exponent of 2, the usual one: ā = 2·ȳ·a.
 */
export const pow: Vjp = s => {
  const { m } = s
  const a = s.input(0)
  const g = s.grad()
  const fixed = s.constant(1)
  const b = m.cast(s.input(1), a.type)
  const base = () => {
    if (fixed?.every(v => v === 2)) return m.mul(m.mul(g, a), 2)
    const slope = m.mul(b, m.pow(a, m.sub(b, 1)))
    if (fixed?.every(v => v !== 0)) return m.mul(g, slope)
    return m.mul(g, m.where(m.equal(b, 0), 0, slope))
  }
  const exponent = () => {
    const positive = m.greater(a, 0)
    const log = m.unary('Log', m.where(positive, a, 1))
    return m.cast(m.mul(g, m.mul(m.where(positive, s.output(), 0), log)), s.input(1).type)
  }
  return [s.needs(0) ? base() : undefined, s.needs(1) ? exponent() : undefined]
}

/** y = max or min of all inputs: x̄ᵢ = ȳ·[xᵢ = y] / how many are equal to y; ties share evenly, as in PyTorch. */
export const extremum: Vjp = s => {
  const { m } = s
  const y = s.output()
  const hits = s.node.input.map((_, i) => m.cast(m.equal(s.input(i), y), y.type))
  const [first, ...rest] = hits
  if (!first) return []
  const count = rest.reduce((sum, hit) => m.add(sum, hit), first)
  const share = m.div(s.grad(), count)
  return hits.map((hit, i) => (s.needs(i) ? m.mul(share, hit) : undefined))
}

/** y = Σ xᵢ / n: x̄ᵢ = ȳ/n */
export const mean: Vjp = s => {
  const share = s.m.mul(s.grad(), 1 / s.node.input.length)
  return s.node.input.map(() => share)
}

/** y = a − b·trunc(a/b) (fmod), or with floor: ā = ȳ, b̄ = −ȳ·trunc(a/b) */
export const mod: Vjp = s => [s.grad(), s.needs(1) ? modDivisor(s) : undefined]

function modDivisor(s: Site): Value {
  const { m } = s
  const q = m.div(s.input(0), s.input(1))
  const whole = intAttribute(s.node, 'fmod', 0)
    ? m.mul(m.unary('Sign', q), m.unary('Floor', m.unary('Abs', q)))
    : m.unary('Floor', q)
  return m.neg(m.mul(s.grad(), whole))
}

/** y = a where c, b elsewhere: ā = ȳ where c, b̄ = ȳ elsewhere */
export const where: Vjp = s => [
  undefined,
  s.needs(1) ? s.m.where(s.input(0), s.grad(), 0) : undefined,
  s.needs(2) ? s.m.where(s.input(0), 0, s.grad()) : undefined,
]

/** y = running sums of x: x̄ = running sums of ȳ from the other end. */
export const cumSum: Vjp = s => {
  const attributes = {
    exclusive: BigInt(intAttribute(s.node, 'exclusive', 0)),
    reverse: BigInt(1 - intAttribute(s.node, 'reverse', 0)),
  }
  return [s.m.emit('CumSum', [s.grad(), s.input(1)], s.grad().shape, { attributes })]
}
