/** Which initializers of a net are weights to train. */
import { type Model, normalDomain } from '../onnx/model'
import { dataTypeName, tensorDims } from '../onnx/tensor'
import { runningStatistics } from './prepare'

/** Operators whose constant operands are weights whatever their size, with the positions of those operands. */
const PARAMETRIC: Record<string, readonly number[]> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  RMSNormalization: [1],
  PRelu: [1],
  Gather: [0],
  LSTM: [1, 2, 3],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
}

/** Elementwise operators in which a constant of more than one element is a weight: biases, scales, position tables. */
const ELEMENTWISE = new Set(['Add', 'Sub', 'Mul', 'Div'])

/**
 * The float32 initializers that training changes, in graph order: operands of parametric operators, and of Add, Sub,
 * Mul and Div those of more than one element. Left out: statistics of batch normalization, and constants that meet the
 * model's input before any parametric operator does (means and deviations of preprocessing).
 */
export async function trainable(model: Model, loss: string): Promise<string[]> {
  const { graph } = model
  const statistics = new Set(runningStatistics(model))
  const toLoss = ancestors(model, loss)
  const deep = new Set<string>()
  const found = new Set<string>()
  for (const node of graph.topological()) {
    const op = normalDomain(node.domain) === '' ? node.opType : ''
    const positions = PARAMETRIC[op]
    const isDeep = positions !== undefined || node.input.some(name => deep.has(name))
    if (isDeep) for (const name of node.output) deep.add(name)
    if (!node.output.some(name => toLoss.has(name))) continue
    node.input.forEach((name, index) => {
      const tensor = graph.initializer(name)
      if (!tensor || statistics.has(name) || dataTypeName(tensor.dataType) !== 'float32') return
      const dims = tensorDims(tensor)
      const many = dims.length > 0 && dims.reduce((all, d) => all * d, 1) > 1
      if (positions ? positions.includes(index) : ELEMENTWISE.has(op) && many && isDeep) found.add(name)
    })
  }
  return [...found]
}

function ancestors(model: Model, value: string): Set<string> {
  const seen = new Set([value])
  for (const node of [...model.graph.topological()].reverse())
    if (node.output.some(name => seen.has(name))) for (const name of node.input) seen.add(name)
  return seen
}
