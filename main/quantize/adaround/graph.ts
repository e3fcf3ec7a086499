/**
 * A layer as a graph of its own, of rows x [groups, rows, inputs] and what is wanted t [groups, rows, outputs]:
 *
 *   h(V) = clip(σ(V)·(ζ − γ) + γ, 0, 1)                           the rectified sigmoid
 *   Ŵ    = s·(⌊W/s⌋ + h(V)), where ⌊W/s⌋ is cut so that neither leaves the codes there are
 *   loss = mean‖f(Ŵx + b) − t‖² / e + λ·mean(1 − |2h(V) − 1|^β)
 *
 * The mean over rows is of the squares summed over outputs. e is the mean error that rounding to nearest makes on the
 * same rows: so λ weighs the same for every scale and number of bits.
 * Paper: Nagel et al., Up or Down? Adaptive Rounding for Post-Training Quantization, ICML 2020 (arXiv:2004.10568),
 * equations 21 to 25.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import type { RoundedLayer } from './layer'

/** Stretch of the sigmoid: it reaches 0 and 1 at finite V. */
export const ZETA = 1.1
export const GAMMA = -0.1
/** Gelu is an operator from here on. */
const OPSET = 20

/** Added to |2h − 1| before its logarithm is taken. */
const TINY = 1e-12

export const LOSS = 'loss'
export const RECONSTRUCTION = 'reconstruction'
export const VARIABLE = 'v'

/** Shape of the weight by groups, as it lies in the model. */
export function weightShape({ groups, inputs, outputs, byRow }: RoundedLayer): number[] {
  return byRow ? [groups, outputs, inputs] : [groups, inputs, outputs]
}

class Parts {
  readonly nodes: NodeProto[] = []
  readonly initializers: TensorProto[] = []

  add(op: string, inputs: string[], output: string): string {
    this.nodes.push(makeNode(op, inputs, [output]))
    return output
  }

  constant(name: string, dims: number[], values: ArrayLike<number>): string {
    this.initializers.push(makeTensor(name, 'float32', dims, Float32Array.from(values)))
    return name
  }

  number(name: string, value: number): string {
    return this.constant(name, [], [value])
  }

  /** f(s·xW + b) for weights in the model's layout; `scales`: one, or one for each output channel. */
  forward(layer: RoundedLayer, weight: string, scales: readonly number[]): string {
    const { byRow, bias, groups, outputs, activation } = layer
    if (byRow) this.nodes.push(makeNode('Transpose', [weight], ['turned'], { perm: [0n, 2n, 1n] }))
    let y = this.add('MatMul', ['x', byRow ? 'turned' : weight], 'product')
    y = this.add(
      'Mul',
      [y, this.constant('s', scales.length === 1 ? [] : [groups, 1, outputs], scales)],
      'scaled',
    )
    if (bias) y = this.add('Add', [y, this.constant('bias', [groups, 1, outputs], bias)], 'biased')
    if (!activation) return y
    const { node, bounds } = activation
    if (!bounds) {
      const copy = makeNode(node.opType, [y], ['active'])
      copy.attribute.push(...node.attribute)
      this.nodes.push(copy)
      return 'active'
    }
    if (bounds.min === 0 && bounds.max === Number.POSITIVE_INFINITY) return this.add('Relu', [y], 'active')
    const finite = (value: number) => Math.max(-3.4e38, Math.min(3.4e38, value))
    return this.add(
      'Clip',
      [y, this.number('least', finite(bounds.min)), this.number('most', finite(bounds.max))],
      'active',
    )
  }
}

/** What the layer gives for weights `w` that are fed, in the model's layout. */
export function answerGraph(layer: RoundedLayer): Model {
  const parts = new Parts()
  const y = parts.forward(layer, 'w', [layer.alpha])
  parts.add('Identity', [y], 'y')
  const { groups, inputs, outputs } = layer
  return makeModel({
    opset: OPSET,
    nodes: parts.nodes,
    initializers: parts.initializers,
    inputs: [
      makeValue('x', 'float32', [groups, 'rows', inputs]),
      makeValue('w', 'float32', weightShape(layer)),
    ],
    outputs: [makeValue('y', 'float32', [groups, 'rows', outputs])],
  })
}

/**
 * The graph to be differentiated by `VARIABLE`. `floor`: ⌊W/s⌋ by element; `scales`: one for all, or one for each output
 * channel, times alpha; `unit`: e. β and λ are fed.
 */
export function learningGraph(
  layer: RoundedLayer,
  start: { variable: Float32Array; floor: Float32Array; scales: number[]; unit: number },
  rows: number,
): Model {
  const parts = new Parts()
  const { groups, inputs, outputs } = layer
  const shape = weightShape(layer)
  parts.constant(VARIABLE, shape, start.variable)
  parts.constant('floor', shape, start.floor)
  const stretched = parts.add(
    'Mul',
    [parts.add('Sigmoid', [VARIABLE], 'sigmoid'), parts.number('stretch', ZETA - GAMMA)],
    'stretched',
  )
  const moved = parts.add('Add', [stretched, parts.number('gamma', GAMMA)], 'moved')
  const one = parts.number('one', 1)
  const h = parts.add('Clip', [moved, parts.number('zero', 0), one], 'h')
  const codes = parts.add('Add', ['floor', h], 'codes')
  const y = parts.forward(layer, codes, start.scales)
  const gap = parts.add('Sub', [y, 't'], 'gap')
  mean(parts, parts.add('Mul', [gap, gap], 'squares'), 'square')
  // The mean over rows of the sum over outputs.
  parts.add('Mul', ['square', parts.number('share', (groups * outputs) / start.unit)], RECONSTRUCTION)
  const doubled = parts.add('Mul', [h, parts.number('two', 2)], 'doubled')
  const distance = parts.add('Abs', [parts.add('Sub', [doubled, one], 'centred')], 'distance')
  // |2h − 1|^β; ONNX Runtime's Pow of many values takes longer than the matrix products.
  const logarithm = parts.add(
    'Log',
    [parts.add('Add', [distance, parts.number('tiny', TINY)], 'apart')],
    'logarithm',
  )
  const power = parts.add('Exp', [parts.add('Mul', [logarithm, 'beta'], 'exponent')], 'power')
  mean(parts, power, 'decided')
  parts.add('Sub', [one, 'decided'], 'regular')
  parts.add('Mul', ['regular', 'lambda'], 'penalty')
  parts.add('Add', [RECONSTRUCTION, 'penalty'], LOSS)
  return makeModel({
    opset: OPSET,
    nodes: parts.nodes,
    initializers: parts.initializers,
    inputs: [
      makeValue('x', 'float32', [groups, rows, inputs]),
      makeValue('t', 'float32', [groups, rows, outputs]),
      makeValue('beta', 'float32', []),
      makeValue('lambda', 'float32', []),
    ],
    outputs: [makeValue(LOSS, 'float32', []), makeValue(RECONSTRUCTION, 'float32', [])],
  })
}

function mean(parts: Parts, value: string, output: string): void {
  parts.nodes.push(makeNode('ReduceMean', [value], [output], { keepdims: 0n }))
}
