/**
 * Random weights for a student that shall know nothing of its teacher: the control that shows what its weights are
 * worth. He et al. 2015, "Delving Deep into Rectifiers": normal with variance 2 / fan-in for weights that are summed
 * over, recurrent ones uniform in ±1/√H, embeddings and positions normal with deviation 0.02 as in BERT, normalizations
 * scale 1 and shift 0, biases 0. What is no weight stays: scalars, masks, tables of integers, and what is applied to
 * inputs or positions before any weight is (means of pixels, rotary frequencies).
 */
import type { NodeProto } from 'onnx-buf'
import { Random } from '../data/random'
import { intAttribute } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { dataTypeName, makeTensor, tensorCount, tensorDims, tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'

type Draw = { normal: number } | { uniform: number } | { value: number } | null

/** The model with its float weights drawn anew, the same for the same seed. Throws what reading the weights throws. */
export function randomWeights(source: Model, seed: number): Model {
  const model = copyModel(source)
  const { graph } = model
  const random = new Random(seed)
  for (const tensor of [...graph.initializers()]) {
    const type = dataTypeName(tensor.dataType)
    if (type !== 'float32' && type !== 'float64' && type !== 'float16') continue
    const dims = tensorDims(tensor)
    const draw = tensorCount(tensor) > 1 ? drawFor(model, tensor.name, dims) : null
    if (!draw || isMask(toNumbers(tensorValues(tensor, model.directory)), dims)) continue
    const next = drawer(draw, random)
    graph.setInitializer(
      makeTensor(tensor.name, type, dims, Array.from({ length: tensorCount(tensor) }, next)),
    )
  }
  return model
}

function drawer(draw: NonNullable<Draw>, random: Random): () => number {
  if ('value' in draw) return () => draw.value
  if ('uniform' in draw) return () => (random.unit() * 2 - 1) * draw.uniform
  // Box-Muller; 1 − u keeps the logarithm finite.
  return () =>
    draw.normal * Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
}

/** A table of more than one axis with at most two values is a mask or a pattern, or holds what no weight is. */
function isMask(values: Float32Array | Float64Array, dims: readonly number[]): boolean {
  const kinds = new Set<number>()
  for (const value of values) {
    if (!Number.isFinite(value)) return true
    if (kinds.size < 3) kinds.add(value)
  }
  return dims.filter(d => d > 1).length > 1 && kinds.size < 3
}

/** By the first node that reads it, through what only moves or casts it. */
function drawFor(model: Model, name: string, dims: readonly number[], transposed = false): Draw {
  const use = model.graph.uses(name)[0]
  if (!use || use.index < 0) return null
  const { node, index } = use
  const output = node.output[0] ?? ''
  if (node.opType === 'Transpose') return drawFor(model, output, [...dims].reverse(), !transposed)
  if (/^(Identity|Cast|Reshape|Unsqueeze|Squeeze|Expand|Slice)$/.test(node.opType) && index === 0)
    return drawFor(model, output, dims, transposed)
  if (/^(Add|Mul)$/.test(node.opType) && !isLearnt(model, node.input[1 - index] ?? '')) return null
  return byOperator(node, index, dims)
}

/** True when the value was computed with weights. */
function isLearnt({ graph }: Model, value: string): boolean {
  const seen = new Set<NodeProto>()
  const waiting = [graph.producer(value)]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (!node || seen.has(node) || node.opType === 'Shape') continue
    seen.add(node)
    if (node.input.some(name => (graph.initializer(name)?.dims.length ?? 0) > 1)) return true
    waiting.push(...node.input.map(name => graph.producer(name)))
  }
  return false
}

function byOperator(node: NodeProto, index: number, dims: readonly number[]): Draw {
  const product = (list: readonly number[]) => list.reduce((all, d) => all * d, 1)
  const he = (fanIn: number): Draw => ({ normal: Math.sqrt(2 / Math.max(1, fanIn)) })
  const [zero, one]: [Draw, Draw] = [{ value: 0 }, { value: 1 }]
  switch (node.opType) {
    case 'Conv':
      return index === 1 ? he(product(dims.slice(1))) : zero
    case 'ConvTranspose':
      return index === 1
        ? he(((dims[0] ?? 1) * product(dims.slice(2))) / intAttribute(node, 'group', 1))
        : zero
    case 'Gemm':
      if (index === 2) return zero
      return he(dims[intAttribute(node, 'transB', 0) === 1 ? 1 : 0] ?? 1)
    case 'MatMul':
      return he((index === 1 ? dims.at(-2) : dims.at(-1)) ?? 1)
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return index < 3 ? { uniform: 1 / Math.sqrt(intAttribute(node, 'hidden_size', 1)) } : zero
    case 'BatchNormalization':
      return index === 1 || index === 4 ? one : zero
    case 'LayerNormalization':
    case 'InstanceNormalization':
    case 'GroupNormalization':
    case 'RMSNormalization':
      return index === 1 ? one : zero
    case 'Gather':
      return index === 0 ? { normal: 0.02 } : null
    case 'Concat':
      return { normal: 0.02 }
    case 'Add':
      // A vector is a bias; a table is added by position.
      return dims.filter(d => d > 1).length > 1 ? { normal: 0.02 } : zero
    case 'Mul':
      return dims.filter(d => d > 1).length > 1 ? null : one
    case 'PRelu':
      return { value: 0.25 }
    default:
      return null
  }
}
