/**
 * Learned step sizes (LSQ: Esser et al. 2020, arXiv:1902.08153). The step s of a quantizer is trained with the weights,
 * its gradient multiplied by g = 1/√(N·Q), N being the number of values it quantizes and Q its largest code.
 *
 * What is trained is v, with s = s₀ + √g·v and v = 0 at first: gradient descent on v moves s by g·∂L/∂s, as in the paper,
 * and optimizers that scale every step by its own history (Adam) move s by a share of itself that fits, where on s, which
 * is small, they would jump. s stays above s₀/16, so that it never becomes zero or negative.
 */
import { makeNode } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'

/** Smallest share of the first step that is left. */
const LEAST = 1 / 16

export interface StepSize {
  /** The initializer that is trained, v: one number per scale. */
  parameter: string
  /** s₀, in float32. */
  start: readonly number[]
  /** √g, in float32. */
  factor: number
}

/** √g for `count` values that share a step and `levels` codes on the longer side of zero. */
export function stepFactor(count: number, levels: number): number {
  return Math.fround((Math.max(1, count) * Math.max(1, levels)) ** -0.25)
}

/** Adds v and what computes s from it, shape [scales]; answers with the name of s. */
export function addStepSize(model: Model, step: StepSize): string {
  const { graph } = model
  const { parameter, start, factor } = step
  const constant = (part: string, dims: number[], values: readonly number[]) => {
    const name = graph.freshName(`${parameter}/${part}`)
    graph.setInitializer(makeTensor(name, 'float32', dims, Float32Array.from(values)))
    return name
  }
  const value = (part: string) => graph.freshName(`${parameter}/${part}`)
  const dims = [start.length]
  graph.setInitializer(makeTensor(parameter, 'float32', dims, new Float32Array(start.length)))
  const [moved, sum, size] = [value('moved'), value('sum'), value('step')]
  graph.add(makeNode('Mul', [parameter, constant('factor', [], [factor])], [moved]))
  graph.add(makeNode('Add', [moved, constant('start', dims, start)], [sum]))
  graph.add(makeNode('Max', [sum, constant('least', dims, leastOf(start))], [size]))
  return size
}

/** s for values of v, as the graph computes it. */
export function stepSizes({ start, factor }: StepSize, v: ArrayLike<number>): number[] {
  const least = leastOf(start)
  return start.map((s, i) =>
    Math.max(Math.fround(s + Math.fround(Math.fround(v[i] ?? 0) * factor)), least[i] ?? 0),
  )
}

function leastOf(start: readonly number[]): number[] {
  return start.map(s => Math.fround(s * LEAST))
}
