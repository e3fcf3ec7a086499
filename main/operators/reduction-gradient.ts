/** Gradients of reductions over axes. g is ȳ with the reduced axes kept as ones, so that it broadcasts against x. */
import { BantamError } from '../../shared/errors'
import { intAttribute, intsAttribute } from '../onnx/build'
import { describeNode } from '../onnx/graph'
import type { Builder, Value } from './builder'
import type { Site, Vjp } from './gradient'

interface Reduced {
  m: Builder
  x: Value
  g: Value
  /** The result, reduced axes kept. */
  y: Value
  axes: number[]
}

/** A reduction whose rule gives x̄, shaped as x or broadcasting to it. */
export function reduction(rule: (r: Reduced) => Value): Vjp {
  return s => {
    const { m } = s
    const x = s.input(0)
    const axes = reducedAxes(s, x)
    if (!axes) return [s.grad()]
    const keep = (v: Value) =>
      m.reshape(
        v,
        x.shape.map((d, axis) => (axes.includes(axis) ? 1 : typeof d === 'number' ? d : { of: x, axis })),
      )
    const result = rule({ m, x, axes, g: keep(s.grad()), y: keep(s.output()) })
    const whole = result.shape.length === x.shape.length && !axes.some(a => result.shape[a] !== x.shape[a])
    return [whole ? result : m.expandLike(result, x)]
  }
}

/** The axes reduced, none negative; undefined when the node does nothing (no axes and noop_with_empty_axes). */
function reducedAxes(s: Site, x: Value): number[] | undefined {
  const rank = x.shape.length
  const axes = s.has(1) ? s.constant(1) : intsAttribute(s.node, 'axes')
  if (s.has(1) && !axes) throw computed(s, 'axes')
  if (!axes || axes.length === 0) {
    return intAttribute(s.node, 'noop_with_empty_axes', 0) ? undefined : [...Array(rank).keys()]
  }
  return axes.map(a => (a < 0 ? a + rank : a))
}

/** What to say when something that must be known while building is computed while running. */
export function computed(s: Site, what: string): BantamError {
  return new BantamError(
    'unsupported',
    `The ${what} of ${s.node.opType} must be constant to train through it.`,
    {
      where: describeNode(s.node),
      action: 'Simplify the model, or give its inputs fixed sizes.',
    },
  )
}

/** x̄ = g·[x = y] / how many are equal to y: ties share evenly, as PyTorch's amax does. */
export const extreme = reduction(({ m, x, g, y, axes }) => {
  const hit = m.cast(m.equal(x, y), x.type)
  return m.mul(hit, m.div(g, m.sum(hit, axes)))
})

/**
 * x̄ᵢ = g·Π_{j≠i} xⱼ, without dividing by zero: with z zeros among x and p the product of the others,
 * z = 0: p/xᵢ;  z = 1: p at the zero, 0 elsewhere;  z ≥ 2: 0.
 */
export const prod = reduction(({ m, x, g, axes }) => {
  const isZero = m.equal(x, 0)
  const zeros = m.sum(m.cast(isZero, x.type), axes)
  const safe = m.where(isZero, 1, x)
  const p = m.mul(g, m.reduce('ReduceProd', safe, axes))
  const atZero = m.where(m.equal(zeros, 1), p, 0)
  const elsewhere = m.where(m.equal(zeros, 0), p, 0)
  return m.where(isZero, atZero, m.div(elsewhere, safe))
})

/** y = √Σx²: x̄ = g·x/y, 0 where y = 0 */
export const norm = reduction(({ m, x, g, y }) => {
  const isZero = m.equal(y, 0)
  return m.mul(x, m.div(m.where(isZero, 0, g), m.where(isZero, 1, y)))
})
