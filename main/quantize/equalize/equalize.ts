/**
 * Cross-layer equalization: channels between two layers are scaled so that the weights before and behind have the same
 * range in every channel, without a change of what the network computes.
 *
 *   s_c = √(r1_c · r2_c) / r2_c,   W1_c ← W1_c / s_c,   b1_c ← b1_c / s_c,   W2_c ← W2_c · s_c
 *
 * r1_c and r2_c: largest magnitudes of the weights that make and that read channel c. Layers that are in two pairs are
 * scaled again and again until nothing moves.
 * Paper: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019
 * (arXiv:1906.04721), section 4.1. Beyond it: a channel whose bias is more than `CONSTANT` times its weights is as good
 * as constant and left alone, for enlarging it would widen the range of all activations.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note, TensorInfo } from '../../../shared/domain'
import { intAttribute } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor, tensorDims } from '../../onnx/tensor'
import { editableCopy } from '../copy'
import { floatValues } from '../weights'
import { findPairs, outputChannels, type Pair } from './chains'

const SWEEPS = 20
/** Largest |ln s| that counts as none. */
const SETTLED = 1e-4
const CONSTANT = 100

/**
 * A copy with all chains of layers equalized, and notes of what was done. The same model gives the same bytes. `types`:
 * the model's inferred types. Weights of all layers in chains are held in memory.
 */
export function equalized(source: Model, types: Map<string, TensorInfo>): { model: Model; notes: Note[] } {
  const { pairs, notes } = findPairs(source, types)
  if (pairs.length === 0) {
    const message =
      'No two layers could be equalized: none reads what another makes through a Relu, a pooling or nothing else.'
    return { model: source, notes: [...notes, { code: 'nothing-to-equalize', severity: 'info', message }] }
  }
  const model = editableCopy(source)
  const layers = new Map<NodeProto, Layer>()
  for (const { second, block } of pairs) layers.set(second, layerOf(source, second, block))
  for (const { first } of pairs) if (!layers.has(first)) layers.set(first, layerOf(source, first, 1))
  const steps = pairs.map(pair => ({
    first: layers.get(pair.first) as Layer,
    second: layers.get(pair.second) as Layer,
    bias: biasOf(source, pair),
  }))
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const moved = steps.map(({ first, second, bias }) => equalizePair(first, second, bias))
    if (Math.max(...moved) < SETTLED) break
  }
  for (const layer of layers.values()) writeWeight(model, layer)
  for (const [i, pair] of pairs.entries()) writeBias(source, model, pair, steps[i]?.bias ?? null, layers)
  model.graph.removeUnusedInitializers()
  const message = `${pairs.length} pair${pairs.length === 1 ? '' : 's'} of layers were scaled so that the weights on both sides of every channel have the same range.`
  return { model, notes: [...notes, { code: 'equalized', severity: 'info', message }] }
}

/** A weight as a matrix of runs, with the scales found for it so far: w · multiply[input] / divide[output]. */
interface Layer {
  name: string
  dims: number[]
  values: Float32Array
  rows: number
  columns: number
  /** Elements that share row and column: the kernel of a convolution. */
  run: number
  output(row: number, column: number): number
  input(row: number, column: number): number
  /** Largest magnitude of every run. */
  magnitudes: Float32Array
  divide: Float64Array
  multiply: Float64Array
}

function layerOf(model: Model, node: NodeProto, block: number): Layer {
  const tensor = model.graph.initializer(node.input[1] ?? '')
  const dims = tensor ? tensorDims(tensor) : []
  const values = tensor ? floatValues(tensor, model.directory) : new Float32Array()
  const [rows = 1, columns = 1, ...rest] = dims
  const run = rest.reduce((product, d) => product * d, 1)
  const outputs = outputChannels(model, node)
  const conv = node.opType === 'Conv'
  const groups = conv ? intAttribute(node, 'group', 1) : 1
  const byRow = conv || (node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0)
  const inputs = conv ? columns * groups : (byRow ? columns : rows) / block
  const input = conv
    ? (row: number, column: number) => Math.floor(row / (rows / groups)) * columns + column
    : (row: number, column: number) => Math.floor((byRow ? column : row) / block)
  return {
    name: tensor?.name ?? '',
    dims,
    values,
    rows,
    columns,
    run,
    output: (row, column) => (byRow ? row : column),
    input,
    magnitudes: magnitudesOf(values, rows * columns, run),
    divide: new Float64Array(outputs).fill(1),
    multiply: new Float64Array(inputs).fill(1),
  }
}

function magnitudesOf(values: Float32Array, runs: number, length: number): Float32Array {
  const out = new Float32Array(runs)
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(i / length)
    out[at] = Math.max(out[at] as number, Math.abs(values[i] as number))
  }
  return out
}

/** Largest scaled magnitude of every output or input channel. */
function ranges(layer: Layer, side: 'output' | 'input'): Float64Array {
  const { rows, columns, magnitudes, divide, multiply } = layer
  const out = new Float64Array(side === 'output' ? divide.length : multiply.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const o = layer.output(row, column)
      const i = layer.input(row, column)
      const size =
        ((magnitudes[row * columns + column] as number) * (multiply[i] as number)) / (divide[o] as number)
      const at = side === 'output' ? o : i
      if (size > (out[at] as number)) out[at] = size
    }
  }
  return out
}

/** Scales the channels of one pair; answers the largest |ln s|. */
function equalizePair(first: Layer, second: Layer, bias: Float32Array | null): number {
  const before = ranges(first, 'output')
  const behind = ranges(second, 'input')
  let moved = 0
  for (let c = 0; c < before.length; c++) {
    const [r1, r2] = [before[c] as number, behind[c] as number]
    if (r1 === 0 || r2 === 0) continue
    if (Math.abs(bias?.[c] ?? 0) / (first.divide[c] as number) > CONSTANT * r1) continue
    const s = Math.sqrt(r1 * r2) / r2
    first.divide[c] = (first.divide[c] as number) * s
    second.multiply[c] = (second.multiply[c] as number) * s
    moved = Math.max(moved, Math.abs(Math.log(s)))
  }
  return moved
}

function writeWeight(model: Model, layer: Layer): void {
  const { name, dims, values, columns, run, divide, multiply } = layer
  const scaled = new Float32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(i / run)
    const [row, column] = [Math.floor(at / columns), at % columns]
    const factor = multiply[layer.input(row, column)] as number
    scaled[i] = ((values[i] as number) * factor) / (divide[layer.output(row, column)] as number)
  }
  model.graph.setInitializer(makeTensor(name, 'float32', dims, scaled))
}

/** The bias of the first layer, one number per channel. */
function biasOf(model: Model, { first, bias }: Pair): Float32Array | null {
  const tensor = bias ? model.graph.initializer(bias.node.input[bias.index] ?? '') : undefined
  if (!tensor) return null
  const values = floatValues(tensor, model.directory)
  const channels = outputChannels(model, first)
  return values.length === channels ? values : new Float32Array(channels).fill(values[0] ?? 0)
}

function writeBias(
  source: Model,
  { graph }: Model,
  pair: Pair,
  values: Float32Array | null,
  layers: Map<NodeProto, Layer>,
): void {
  const { bias, first } = pair
  const divide = layers.get(first)?.divide
  if (!bias || !values || !divide) return
  const node = graph.producer(bias.node.output[0] ?? '')
  const name = bias.node.input[bias.index] as string
  if (!node) return
  const alone = source.graph.uses(name).length === 1 && !source.graph.isOutput(name)
  const own = alone ? name : graph.freshName(`${name}_equalized`)
  const scaled = values.map((b, c) => b / (divide[c] as number))
  const known = source.graph.initializer(name)
  const dims = known && tensorDims(known).at(-1) === values.length ? tensorDims(known) : [values.length]
  graph.setInitializer(makeTensor(own, 'float32', dims, scaled))
  graph.setInput(node, bias.index, own)
}
