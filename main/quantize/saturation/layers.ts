/**
 * The layers of a model whose 8-bit products can saturate in 16 bits: between QuantizeLinear / DequantizeLinear pairs, and
 * MatMulInteger of activations that are quantized as they come.
 */
import type { NodeProto } from 'onnx-buf'
import { attribute, floatAttribute, intAttribute, intsAttribute } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { normalDomain } from '../../onnx/model'
import { dataTypeName, tensorDims, tensorValues } from '../../onnx/tensor'
import { toNumbers } from '../../runtime/tensor'
import { type Pair, saturatingPairs } from './pairs'

/** Where a convolution reads: two axes, one of them of size 1 where the convolution has but one. */
export interface Window {
  kernel: [number, number]
  strides: [number, number]
  dilations: [number, number]
  padsBefore: [number, number]
  padsAfter: [number, number]
}

/** A convolution or product of 8-bit activations with constant signed 8-bit weights. */
export interface SaturatingLayer {
  node: NodeProto
  /** Value that holds the codes of its input, and what is added to make them unsigned. */
  codes: string
  offset: number
  /** The unsigned code of zero. */
  zero: number
  /** For each output channel: pairs of weights whose products can sum beyond 16 bits, and s_x · s_w (times Gemm's alpha). */
  pairs: Pair[][]
  steps: Float64Array
  /** Pairs of one output channel in all. */
  pairsPerChannel: number
  /** Gives sums of codes in int32, not real numbers. */
  integer: boolean
  /** Null for Gemm and MatMul. */
  window: Window | null
  groups: number
  /** Input channels of one group, or inputs of a dense layer. */
  channels: number
}

/** Layers with at least one pair of weights that can saturate, in graph order, and how many there are without. */
export function saturatingLayers(model: Model): { layers: SaturatingLayer[]; safe: number } {
  const layers: SaturatingLayer[] = []
  let safe = 0
  for (const node of model.graph.topological()) {
    const layer = layerOf(model, node) ?? integerLayer(model, node)
    if (!layer) continue
    if (layer.pairs.some(pairs => pairs.length > 0)) layers.push(layer)
    else safe++
  }
  return { layers, safe }
}

interface Coded {
  codes: string
  type: string
  scales: ArrayLike<number>
  zero: number
}

/** What a DequantizeLinear that makes a value reads; undefined for other values and for scales that are computed. */
function coded(model: Model, value: string): Coded | undefined {
  const { graph, directory } = model
  const maker = graph.producer(value)
  if (maker?.opType !== 'DequantizeLinear') return undefined
  const [codes = '', scale = '', zeroPoint = ''] = maker.input
  const [scales, zeros] = [graph.initializer(scale), graph.initializer(zeroPoint)]
  if (!scales || (zeroPoint !== '' && !zeros)) return undefined
  const zero = zeros ? Number(toNumbers(tensorValues(zeros, directory))[0] ?? 0) : 0
  // Codes that are computed have a zero point, in files of Bantam; without one constants tell, and unsigned is the default.
  const typed = zeros ?? graph.initializer(codes)
  const type = typed ? dataTypeName(typed.dataType) : 'uint8'
  return { codes, type, scales: toNumbers(tensorValues(scales, directory)), zero }
}

function layerOf(model: Model, node: NodeProto): SaturatingLayer | undefined {
  if (normalDomain(node.domain) !== '' || !/^(Conv|Gemm|MatMul)$/.test(node.opType)) return undefined
  const input = coded(model, node.input[0] ?? '')
  const weight = coded(model, node.input[1] ?? '')
  const tensor = weight && model.graph.initializer(weight.codes)
  if (!input || !weight || !tensor || weight.type !== 'int8') return undefined
  if (input.type !== 'uint8' && input.type !== 'int8') return undefined
  const dims = tensorDims(tensor)
  const values = toNumbers(tensorValues(tensor, model.directory))
  const offset = input.type === 'int8' ? 128 : 0
  const alpha = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
  const shape = node.opType === 'Conv' ? convolution(node, dims, values) : dense(node, dims, values)
  if (!shape) return undefined
  const step = alpha * Number(input.scales[0] ?? 1)
  const { scales } = weight
  return {
    node,
    codes: input.codes,
    offset,
    zero: input.zero + offset,
    steps: Float64Array.from(shape.rows, (_, m) => step * Number(scales[scales.length === 1 ? 0 : m] ?? 1)),
    integer: false,
    ...placed(shape),
  }
}

/** What a layer holds of its shape. */
function placed({ rows, window, groups, channels }: Shape) {
  const pairsPerChannel = Math.ceil((rows[0]?.length ?? 0) / 2)
  return { pairs: rows.map(saturatingPairs), pairsPerChannel, window, groups, channels }
}

/** A MatMulInteger of what DynamicQuantizeLinear gives and constant signed weights. */
function integerLayer(model: Model, node: NodeProto): SaturatingLayer | undefined {
  if (normalDomain(node.domain) !== '' || node.opType !== 'MatMulInteger') return undefined
  const codes = node.input[0] ?? ''
  const weights = model.graph.initializer(node.input[1] ?? '')
  if (model.graph.producer(codes)?.opType !== 'DynamicQuantizeLinear') return undefined
  if (!weights || dataTypeName(weights.dataType) !== 'int8') return undefined
  const shape = dense(node, tensorDims(weights), toNumbers(tensorValues(weights, model.directory)))
  if (!shape) return undefined
  return {
    node,
    codes,
    offset: 0,
    // Nothing is padded.
    zero: 0,
    steps: new Float64Array(shape.rows.length).fill(1),
    integer: true,
    ...placed(shape),
  }
}

interface Shape {
  /** Weights of each output channel in the order ONNX Runtime multiplies them. */
  rows: Int8Array[]
  window: Window | null
  groups: number
  channels: number
}

/** Rows over (ky, kx, channel): the kernels read activations with their channels last. */
function convolution(node: NodeProto, dims: readonly number[], values: ArrayLike<number>): Shape | undefined {
  const spatial = dims.length - 2
  const auto = attribute(node, 'auto_pad')
  const rule = auto ? new TextDecoder().decode(auto.s) : 'NOTSET'
  if (spatial < 1 || spatial > 2 || (rule !== 'NOTSET' && rule !== 'VALID' && rule !== '')) return undefined
  const [outputs = 0, channels = 0] = dims
  const groups = intAttribute(node, 'group', 1)
  // Depthwise kernels multiply in 16 bits and add in 32.
  if (channels === 1 && groups === outputs && groups > 1) return undefined
  const two = (list: readonly number[] | undefined, fallback: number): [number, number] => {
    const found = list ?? Array.from({ length: spatial }, () => fallback)
    return spatial === 1 ? [fallback, found[0] ?? fallback] : [found[0] ?? fallback, found[1] ?? fallback]
  }
  const kernel: [number, number] = spatial === 1 ? [1, dims[2] ?? 1] : [dims[2] ?? 1, dims[3] ?? 1]
  const [height, width] = kernel
  const rows = Array.from({ length: outputs }, (_, m) => {
    const row = new Int8Array(height * width * channels)
    for (let c = 0; c < channels; c++) {
      for (let at = 0; at < height * width; at++) {
        row[at * channels + c] = values[(m * channels + c) * height * width + at] as number
      }
    }
    return row
  })
  const window: Window = {
    kernel,
    strides: two(intsAttribute(node, 'strides'), 1),
    dilations: two(intsAttribute(node, 'dilations'), 1),
    padsBefore: two(intsAttribute(node, 'pads')?.slice(0, spatial), 0),
    padsAfter: two(intsAttribute(node, 'pads')?.slice(spatial), 0),
  }
  return { rows, window, groups, channels }
}

function dense(node: NodeProto, dims: readonly number[], values: ArrayLike<number>): Shape | undefined {
  if (dims.length !== 2 || (node.opType === 'Gemm' && intAttribute(node, 'transA', 0) !== 0)) return undefined
  const transposed = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0
  const [a = 0, b = 0] = dims
  const [k, n] = transposed ? [b, a] : [a, b]
  const rows = Array.from({ length: n }, (_, m) =>
    Int8Array.from({ length: k }, (_, i) => values[transposed ? m * k + i : i * n + m] as number),
  )
  return { rows, window: null, groups: 1, channels: k }
}
