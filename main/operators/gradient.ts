/**
 * The gradient facet of an operator. With loss L and ȳ = ∂L/∂y, a rule (vector-Jacobian product) gives x̄ = ȳ·∂y/∂x for
 * each input, in graph operations. The driver (main/autodiff) sums away broadcast axes, adds up what several readers
 * contribute, asks only for what is needed and checks the number of results: rules say only the maths.
 */
import type { NodeProto } from 'onnx-buf'
import type { Builder, Value } from './builder'

/** Where a rule is applied. */
export interface Site {
  readonly m: Builder
  readonly node: NodeProto
  /** Inputs by position; absent optional ones throw when asked for. */
  input(index: number): Value
  /** True when the node has an input there. */
  has(index: number): boolean
  output(index?: number): Value
  /** ȳ of an output; zeros when nothing reads it. */
  grad(index?: number): Value
  /** True when somebody needs the gradient of the input at `index`. */
  needs(index: number): boolean
  /** Values of an input that is a constant of the graph; undefined when it is computed. */
  constant(index: number): number[] | undefined
}

/** Gradients by input position; undefined where there is none or nobody needs it. */
export type Vjp = (site: Site) => (Value | undefined)[]

/**
 * A rule; 'zero': piecewise constant or not of real numbers, so nothing flows; 'expanded': taken apart into operators
 * with rules before anything is differentiated (main/autodiff/expand); or the reason why there is none.
 */
export type Gradient = Vjp | 'zero' | 'expanded' | { unsupported: string }

export const unsupported = (reason: string): Gradient => ({ unsupported: reason })

/** y = f(x), element by element: `df` gives f′ from x and y, and x̄ = ȳ·f′. */
export function elementwise(df: (m: Builder, x: Value, y: Value, node: NodeProto) => Value): Vjp {
  return s => [s.m.mul(s.grad(), df(s.m, s.input(0), s.output(), s.node))]
}

/** y = f(x), element by element, where x̄ is better not written as a product. */
export function pullback(rule: (m: Builder, g: Value, x: Value, y: Value, node: NodeProto) => Value): Vjp {
  return s => [rule(s.m, s.grad(), s.input(0), s.output(), s.node)]
}

/** y = A·x: `transpose` gives Aᵀ·ȳ. It may look at x for its shape only. */
export function linear(transpose: (m: Builder, g: Value, site: Site) => Value): Vjp {
  return s => [transpose(s.m, s.grad(), s)]
}

/** y = f(a, b), linear in each: one function for each side. */
export function bilinear(left: (s: Site, g: Value) => Value, right: (s: Site, g: Value) => Value): Vjp {
  return s => [s.needs(0) ? left(s, s.grad()) : undefined, s.needs(1) ? right(s, s.grad()) : undefined]
}

/** y holds elements of x elsewhere: `inverse` carries ȳ back. Further inputs (axes, indices, sizes) are integers. */
export function movement(inverse: (m: Builder, g: Value, site: Site) => Value): Vjp {
  return linear(inverse)
}

/** An operator of ORT's graph optimizer. */
export const FUSED = unsupported(
  'It is made by the optimizer of ONNX Runtime; train the model it was made from.',
)
export const QUANTIZED = unsupported('Quantized numbers have no gradient; train the float model.')
export const NO_KERNEL = unsupported('ONNX Runtime cannot run it on a CPU, and so it was not checked here.')
