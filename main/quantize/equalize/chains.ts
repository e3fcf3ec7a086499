/**
 * Pairs of layers whose common channels can be scaled against each other: a Conv, Gemm or MatMul, what is positively
 * homogeneous channel by channel, f(s·x) = s·f(x) for s > 0, and a Conv (depthwise too), Gemm or MatMul that alone
 * reads it.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note, TensorInfo } from '../../../shared/domain'
import { intAttribute } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { normalDomain } from '../../onnx/model'
import { dataTypeName } from '../../onnx/tensor'
import { elementCount } from '../../runtime/tensor'
import { nodeLabel } from '../names'
import { allFinite, channelAxis, floatValues } from '../weights'

const ACTIVATIONS = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Identity', 'Dropout'])
const POOLS = new Set(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool'])

export interface Pair {
  first: NodeProto
  /** Where the bias of the first is read, if it has one: by itself, or by the Add behind a MatMul. */
  bias: { node: NodeProto; index: number } | null
  second: NodeProto
  /** Neighbouring inputs of the second that are one channel of the first (more than 1 behind a Flatten). */
  block: number
}

/** Where the channels of a value lie; `flat`: in blocks along the last axis of two, of a size when it is known. */
type Layout = { at: 'second' } | { at: 'last' } | { at: 'flat'; block: number | null }

/** All pairs in graph order, and a note for each that a Clip keeps apart. `types`: the model's inferred types. */
export function findPairs(model: Model, types: Map<string, TensorInfo>): { pairs: Pair[]; notes: Note[] } {
  const pairs: Pair[] = []
  const notes: Note[] = []
  for (const node of model.graph.topological()) {
    const found = hasOwnWeight(model, node) ? pairFrom(model, node, types) : null
    if (found === 'clip') notes.push(clipNote(node))
    else if (found) pairs.push(found)
  }
  return { pairs, notes }
}

function clipNote(node: NodeProto): Note {
  return {
    code: 'not-equalized',
    severity: 'info',
    node: nodeLabel(node),
    message: `${describeNode(node)} is not equalized with what follows: a Clip between them cuts every channel at the same height.`,
  }
}

function pairFrom(model: Model, first: NodeProto, types: Map<string, TensorInfo>): Pair | 'clip' | null {
  const channels = outputChannels(model, first)
  const own = ownBias(model, first, channels)
  if (own === 'unfit') return null
  let bias = own
  let layout: Layout = first.opType === 'Conv' ? { at: 'second' } : { at: 'last' }
  let value = first.output[0] ?? ''
  for (;;) {
    const node = onlyReader(model, value)
    if (!node) return null
    if (hasOwnWeight(model, node)) {
      const block = blockOf(model, node, layout, channels)
      return block === null ? null : { first, bias, second: node, block }
    }
    const index = node.input.indexOf(value)
    if (first.opType === 'MatMul' && value === first.output[0] && node.opType === 'Add') {
      if (!isVector(model, node.input[1 - index] ?? '', channels)) return null
      bias = { node, index: 1 - index }
    } else {
      const next = passed(node, index, layout, types.get(value), types.get(node.output[0] ?? ''))
      if (next === null || next === 'clip') return next
      layout = next
    }
    value = node.output[0] ?? ''
  }
}

/** The node that alone reads the value, where nothing else (an output, a subgraph) does. */
function onlyReader({ graph }: Model, value: string): NodeProto | null {
  const [use, ...more] = graph.uses(value)
  if (!use || more.length > 0 || use.index < 0 || graph.isOutput(value)) return null
  return normalDomain(use.node.domain) === '' ? use.node : null
}

/** The layout behind a node that scales with its input; null behind any other. */
function passed(
  node: NodeProto,
  index: number,
  layout: Layout,
  before: TensorInfo | undefined,
  after: TensorInfo | undefined,
): Layout | 'clip' | null {
  if (index !== 0 || node.output.slice(1).some(name => name !== '')) return null
  if (ACTIVATIONS.has(node.opType)) return layout
  if (node.opType === 'Clip') return 'clip'
  if (layout.at !== 'second') return null
  if (POOLS.has(node.opType)) return layout
  if (node.opType === 'Flatten')
    return intAttribute(node, 'axis', 1) === 1 ? { at: 'flat', block: null } : null
  if (node.opType !== 'Reshape' || after?.shape.length !== 2) return null
  // A row as long as one sample is one sample: the order of elements stays.
  const places = before?.shape.slice(2) ?? ['']
  return places.every(d => typeof d === 'number' && d > 0)
    ? { at: 'flat', block: elementCount(places.map(Number)) }
    : null
}

/** How many neighbouring inputs of the layer are one channel; null where they do not lie together. */
function blockOf(model: Model, node: NodeProto, layout: Layout, channels: number): number | null {
  const inputs = inputChannels(model, node)
  if (node.opType === 'Conv') return layout.at === 'second' && inputs === channels ? 1 : null
  if (layout.at === 'second' || intAttribute(node, 'transA', 0) !== 0) return null
  const block = inputs / channels
  const wanted = layout.at === 'last' ? 1 : (layout.block ?? block)
  return Number.isInteger(block) && block === wanted ? block : null
}

/** True for a Conv, Gemm or MatMul of its first input with float32 weights that nothing else reads. */
function hasOwnWeight(model: Model, node: NodeProto): boolean {
  const { graph } = model
  const axis = normalDomain(node.domain) === '' ? channelAxis(node, 2) : null
  const name = node.input[1] ?? ''
  const tensor = graph.initializer(name)
  if (axis === null || !tensor || graph.initializer(node.input[0] ?? '')) return false
  if (dataTypeName(tensor.dataType) !== 'float32' || graph.isInput(name) || graph.isOutput(name)) return false
  const rank = tensor.dims.length
  if (node.opType === 'Conv' ? rank < 3 : rank !== 2) return false
  return graph.uses(name).length === 1 && allFinite(floatValues(tensor, model.directory))
}

/** Where a Conv or Gemm reads its bias; `unfit` when that is not one constant number per channel. */
function ownBias(model: Model, node: NodeProto, channels: number): Pair['bias'] | 'unfit' {
  const name = node.opType === 'MatMul' ? '' : (node.input[2] ?? '')
  if (name === '') return null
  const one =
    node.opType === 'Gemm' && elementCount(model.graph.initializer(name)?.dims.map(Number) ?? []) === 1
  return one || isVector(model, name, channels) ? { node, index: 2 } : 'unfit'
}

function isVector({ graph }: Model, name: string, length: number): boolean {
  const tensor = graph.initializer(name)
  const dims = tensor?.dims.map(Number)
  if (!tensor || !dims || graph.isInput(name) || dataTypeName(tensor.dataType) !== 'float32') return false
  return dims.at(-1) === length && elementCount(dims) === length
}

function weightDims(model: Model, node: NodeProto): number[] {
  return model.graph.initializer(node.input[1] ?? '')?.dims.map(Number) ?? []
}

/** Output channels of a layer with weights. */
export function outputChannels(model: Model, node: NodeProto): number {
  return weightDims(model, node)[channelAxis(node, 2) ?? 0] ?? 0
}

function inputChannels(model: Model, node: NodeProto): number {
  const dims = weightDims(model, node)
  if (node.opType === 'Conv') return (dims[1] ?? 0) * intAttribute(node, 'group', 1)
  return dims[1 - (channelAxis(node, 2) ?? 1)] ?? 0
}
