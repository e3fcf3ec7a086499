/**
 * Folds BatchNormalization into the linear operator before it. With f = scale / √(var + ε), per output channel:
 *   BN(W·x + b) = (f·W)·x + (f·(b − mean) + shift)
 * computed in float64 and rounded once. Conv: channels are axis 0 of W [M, C/g, k…]. ConvTranspose: W [C, M/g, k…],
 * channel g·(M/g) + j. Gemm: columns of B (rows with transB). MatMul, MatMul + Add: columns of W.
 * Spec: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import type { Tensor } from '../../runtime/tensor'
import { attribute, floatAttribute, intAttribute, makeAttribute, makeNode } from '../build'
import { copyModel } from '../copy'
import { inferTypes, type Types } from '../infer'
import type { Model } from '../model'
import { dataTypeName, makeTensor } from '../tensor'
import { constantOf, constantValues, counted, declined, done, type Pass, type PassResult } from './pass'

export const foldBatchNorm: Pass = { id: 'fold-batchnorm', run: fold }

/** Per channel: y = factor · x + shift. */
interface Affine {
  factor: Float64Array
  shift: Float64Array
}

/** The linear part before a BatchNormalization: what to scale, and how the new weight and bias are put in. */
export interface Linear {
  node: NodeProto
  weight: { name: string; channel: (index: number) => number }
  bias: Tensor | null
  /** Bias is multiplied by this (Gemm's beta). */
  biasScale: number
  /** Nodes between (the Add of MatMul + Add), which go away. */
  between: NodeProto[]
  put(weight: string, bias: string, output: string): void
}

async function fold(source: Model): Promise<PassResult> {
  const isNorm = (n: NodeProto) => n.opType === 'BatchNormalization' && n.domain === ''
  if (!source.graph.nodes.some(isNorm)) return { model: source, modified: false, notes: [] }
  const types = await inferTypes(source)
  const model = copyModel(source)
  const notes: Note[] = []
  let folded = 0
  for (const norm of model.graph.nodes.filter(isNorm)) {
    const reason = foldOne(model, norm, types)
    if (reason) notes.push(declined('batchnorm-kept', norm, reason))
    else folded++
  }
  if (folded === 0) return { model: source, modified: false, notes }
  model.graph.removeUnusedInitializers()
  notes.push(
    done('folded-batchnorm', `${counted(folded, 'BatchNormalization')} went into the weights before.`),
  )
  return { model, modified: true, notes }
}

/** Folds one node; returns the reason when it cannot be done. */
function foldOne(model: Model, norm: NodeProto, types: Types): string | null {
  const affine = affineOf(model, norm)
  if (typeof affine === 'string') return affine
  const linear = linearBefore(model, norm, affine.factor.length, types)
  if (typeof linear === 'string') return linear
  const tensor = constantOf(model, linear.weight.name) as TensorProto
  const weight = constantValues(model, linear.weight.name) as Tensor
  const type = dataTypeName(tensor.dataType)
  if (type !== 'float32' && type !== 'float64') return `its weight is ${type}, which would lose precision.`
  const newWeight = scaled(weight.data as Float32Array | Float64Array, linear.weight.channel, affine.factor)
  const newBias = biasWith(linear, affine, type)
  if (![...newBias].every(Number.isFinite) || !newWeight.every(Number.isFinite)) {
    return 'the folded numbers would not be finite.'
  }
  const { graph } = model
  const weightName = graph.freshName(`${linear.weight.name}_folded`)
  const biasName = graph.freshName(`${linear.node.output[0]}_bias`)
  graph.setInitializer(makeTensor(weightName, type, weight.dims, newWeight))
  graph.setInitializer(makeTensor(biasName, type, [newBias.length], newBias))
  graph.remove([norm, ...linear.between])
  linear.put(weightName, biasName, norm.output[0] ?? '')
  return null
}

function affineOf(model: Model, norm: NodeProto): Affine | string {
  if (intAttribute(norm, 'training_mode', 0) === 1) return 'it is in training mode.'
  if (norm.output.slice(1).some(name => name !== '')) return 'its statistics are read.'
  if (intAttribute(norm, 'spatial', 1) !== 1) return 'it normalizes every position on its own.'
  if (model.opset() < 7) return 'its operator set is too old.'
  const [scale, shift, mean, variance] = norm.input.slice(1, 5).map(name => constantValues(model, name))
  if (!scale || !shift || !mean || !variance) return 'its parameters are not constants.'
  const all = [scale, shift, mean, variance]
  if (all.some(t => t.type !== 'float32' && t.type !== 'float64')) return 'its parameters are not float32.'
  const epsilon = floatAttribute(norm, 'epsilon', 1e-5)
  const at = (tensor: Tensor, i: number) => Number(tensor.data[i])
  const factor = Float64Array.from({ length: scale.data.length }, (_, i) => {
    return at(scale, i) / Math.sqrt(at(variance, i) + epsilon)
  })
  const offset = factor.map((f, i) => at(shift, i) - f * at(mean, i))
  if (!factor.every(Number.isFinite)) return 'its variance is not positive.'
  return { factor, shift: offset }
}

function linearBefore(model: Model, norm: NodeProto, channels: number, types: Types): Linear | string {
  const { graph } = model
  const value = norm.input[0] ?? ''
  const node = graph.producer(value)
  if (!node) return 'it follows no operator it could go into.'
  if (!readOnce(model, value)) return 'what it reads is read elsewhere too.'
  const isProduct = node.opType === 'MatMul' || node.opType === 'Add'
  const linear =
    isProduct && types.get(value)?.shape.length !== 2 ? null : linearEndingAt(model, node, channels)
  if (linear === null) return `it follows ${node.opType}, which it cannot go into.`
  if (typeof linear === 'string') return linear
  if (!constantOf(model, linear.weight.name)) return 'the weight before it is not a constant.'
  if (!readOnce(model, linear.weight.name)) return 'the weight before it is shared.'
  return linear
}

/**
 * The linear part whose last node this is: a convolution, Gemm, MatMul, or the Add of a constant to a MatMul. Null when it
 * is none; a reason when its numbers cannot be changed.
 */
export function linearEndingAt(model: Model, node: NodeProto, channels: number): Linear | string | null {
  if (node.domain !== '') return null
  if (node.opType === 'Conv' || node.opType === 'ConvTranspose') return convolution(model, node, channels)
  return node.opType === 'Gemm' ? gemm(model, node, channels) : product(model, node, channels)
}

function readOnce(model: Model, value: string): boolean {
  return model.graph.uses(value).length === 1 && !model.graph.isOutput(value)
}

/** A bias at input 2: absent (null), constant, or a reason against folding. */
function biasOf(model: Model, name: string | undefined): Tensor | null | string {
  if (!name) return null
  return constantValues(model, name) ?? 'the bias before it is not a constant.'
}

function convolution(model: Model, node: NodeProto, channels: number): Linear | string {
  const name = node.input[1] ?? ''
  const weight = constantOf(model, name)
  const bias = biasOf(model, node.input[2])
  if (typeof bias === 'string') return bias
  if (!weight) return 'the weight before it is not a constant.'
  const dims = weight.dims.map(Number)
  const [first = 1, second = 1] = dims
  const kernel = dims.slice(2).reduce((n, d) => n * d, 1)
  const group = intAttribute(node, 'group', 1)
  const forward = node.opType === 'Conv'
  if ((forward ? first : second * group) !== channels)
    return 'its channels are not those of the weight before it.'
  const channel = forward
    ? (i: number) => Math.floor(i / (second * kernel))
    : (i: number) => {
        const input = Math.floor(i / (second * kernel))
        return Math.floor(input / (first / group)) * second + (Math.floor(i / kernel) % second)
      }
  return { node, weight: { name, channel }, bias, biasScale: 1, between: [], put: replacing(model, node) }
}

function gemm(model: Model, node: NodeProto, channels: number): Linear | string {
  const name = node.input[1] ?? ''
  const weight = constantOf(model, name)
  const bias = biasOf(model, node.input[2])
  if (typeof bias === 'string') return bias
  if (!weight) return 'the weight before it is not a constant.'
  const [rows = 1, columns = 1] = weight.dims.map(Number)
  const transposed = intAttribute(node, 'transB', 0) !== 0
  if ((transposed ? rows : columns) !== channels) return 'its channels are not those of the weight before it.'
  if (bias && !isRow(bias, channels)) return 'the bias before it differs from row to row.'
  const channel = (i: number) => (transposed ? Math.floor(i / columns) : i % columns)
  const put: Linear['put'] = (weightName, biasName, output) => {
    node.attribute = node.attribute.filter(a => a.name !== 'beta')
    node.attribute.push(makeAttribute('beta', 1))
    replacing(model, node)(weightName, biasName, output)
  }
  const biasScale = attribute(node, 'beta')?.f ?? 1
  return { node, weight: { name, channel }, bias, biasScale, between: [], put }
}

/** One value per channel, or one for all. */
function isRow(bias: Tensor, channels: number): boolean {
  const count = bias.data.length
  return (count === channels || count === 1) && bias.dims.slice(0, -1).every(d => d === 1)
}

/** MatMul, or MatMul + Add, whose result is a matrix; the new bias needs an Add of its own. */
function product(model: Model, last: NodeProto, channels: number): Linear | string | null {
  const { graph } = model
  let node = last
  let bias: Tensor | null = null
  const between: NodeProto[] = []
  if (last.opType === 'Add') {
    const constant = last.input.findIndex(name => constantOf(model, name))
    const other = last.input[1 - constant] ?? ''
    const before = graph.producer(other)
    if (constant < 0 || !before || before.opType !== 'MatMul' || !readOnce(model, other)) return null
    bias = constantValues(model, last.input[constant]) ?? null
    if (bias && !isRow(bias, channels)) return 'the bias before it differs from row to row.'
    node = before
    between.push(last)
  }
  if (node.opType !== 'MatMul' || node.domain !== '') return null
  const name = node.input[1] ?? ''
  const dims = constantOf(model, name)?.dims.map(Number)
  if (!dims) return 'the weight before it is not a constant.'
  if (dims.length !== 2 || dims[1] !== channels) return 'its channels are not those of the weight before it.'
  const addName = between[0]?.name ?? ''
  const put: Linear['put'] = (weightName, biasName, output) => {
    graph.setInput(node, 1, weightName)
    const after = graph.nodes[graph.nodes.indexOf(node) + 1]
    graph.add(makeNode('Add', [node.output[0] ?? '', biasName], [output], {}, { name: addName }), after)
  }
  return { node, weight: { name, channel: i => i % channels }, bias, biasScale: 1, between, put }
}

/** Puts weight and bias at inputs 1 and 2 and takes over the output. */
function replacing(model: Model, node: NodeProto): Linear['put'] {
  return (weight, bias, output) => {
    model.graph.setInput(node, 1, weight)
    model.graph.setInput(node, 2, bias)
    model.graph.setOutput(node, 0, output)
  }
}

function scaled(
  weight: Float32Array | Float64Array,
  channel: (index: number) => number,
  factor: Float64Array,
): Float32Array | Float64Array {
  const result = weight.slice()
  for (let i = 0; i < result.length; i++) result[i] = (weight[i] ?? 0) * (factor[channel(i)] ?? 0)
  return result
}

function biasWith(linear: Linear, { factor, shift }: Affine, type: 'float32' | 'float64') {
  const { bias, biasScale } = linear
  const old = (i: number) => (bias ? Number(bias.data[bias.data.length === 1 ? 0 : i]) * biasScale : 0)
  const values = factor.map((f, i) => f * old(i) + (shift[i] ?? 0))
  return type === 'float32' ? Float32Array.from(values) : values
}
