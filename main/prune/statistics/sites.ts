/**
 * Where the statistics of a network are corrected: its batch normalizations, whose mean and variance are estimated anew,
 * and its linear layers without one behind them, whose bias and scale are set.
 */
import type { NodeProto } from 'onnx-buf'
import { intAttribute } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { linearEndingAt } from '../../onnx/passes/fold-batchnorm'
import { constantOf, constantValues } from '../../onnx/passes/pass'
import { dataTypeName, tensorDims } from '../../onnx/tensor'

export interface Site {
  kind: 'normalization' | 'layer'
  /** The normalization, or the last node of the layer: the Add where the bias of a MatMul is one. */
  node: NodeProto
  /** The value whose channels are measured: what is normalized, or what the layer gives. */
  value: string
  channels: number
  /** Where the channels are: axis 1 of so many axes (0: of any number), or the last axis. */
  axis: { at: 'second'; rank: number } | { at: 'last' }
}

/** Every site of a model whose constants are initializers, in the order of the graph. */
export function findSites(model: Model): Site[] {
  const { graph } = model
  const normalized = new Set<string>()
  const sites: Site[] = []
  const nodes = graph.topological()
  for (const node of nodes) {
    const site = normalizationSite(model, node)
    if (!site) continue
    sites.push(site)
    const uses = graph.uses(site.value)
    if (!graph.isOutput(site.value) && uses.every(use => use.node.opType === 'BatchNormalization'))
      normalized.add(site.value)
  }
  for (const node of nodes) {
    const site = layerSite(model, node)
    if (site && !normalized.has(site.value)) sites.push(site)
  }
  const order = new Map(nodes.map((node, i) => [node, i]))
  return sites.sort((a, b) => (order.get(a.node) ?? 0) - (order.get(b.node) ?? 0))
}

function normalizationSite(model: Model, node: NodeProto): Site | undefined {
  if (node.opType !== 'BatchNormalization' || node.domain !== '') return undefined
  if (intAttribute(node, 'training_mode', 0) === 1 || intAttribute(node, 'spatial', 1) !== 1) return undefined
  if (node.output.slice(1).some(name => name !== '')) return undefined
  const parameters = node.input.slice(1, 5).map(name => constantValues(model, name))
  const channels = parameters[0]?.data.length ?? 0
  const fit = parameters.every(p => p?.type === 'float32' && p.data.length === channels)
  if (!fit || channels === 0) return undefined
  const value = node.input[0] ?? ''
  return { kind: 'normalization', node, value, channels, axis: { at: 'second', rank: 0 } }
}

function layerSite(model: Model, first: NodeProto): Site | undefined {
  const shape = weightShape(model, first)
  if (!shape) return undefined
  const node = biasNode(model, first) ?? first
  const linear = linearEndingAt(model, node, shape.channels)
  if (linear === null || typeof linear === 'string') return undefined
  return { kind: 'layer', node, value: node.output[0] ?? '', ...shape }
}

/** Channels that a linear node gives by its float32 weight; undefined for other nodes and computed weights. */
function weightShape(model: Model, node: NodeProto): Pick<Site, 'channels' | 'axis'> | undefined {
  const weight = node.domain === '' ? constantOf(model, node.input[1] ?? '') : undefined
  if (!weight || dataTypeName(weight.dataType) !== 'float32') return undefined
  const dims = tensorDims(weight)
  const [first = 1, second = 1] = dims
  const axis = { at: 'second' as const, rank: dims.length }
  switch (node.opType) {
    case 'Conv':
      return { channels: first, axis }
    case 'ConvTranspose':
      return { channels: second * intAttribute(node, 'group', 1), axis }
    case 'Gemm':
      return { channels: intAttribute(node, 'transB', 0) === 0 ? second : first, axis: { at: 'last' } }
    case 'MatMul':
      return dims.length === 2 ? { channels: second, axis: { at: 'last' } } : undefined
    default:
      return undefined
  }
}

/** The Add of a constant that alone reads what a MatMul gives. */
function biasNode({ graph }: Model, node: NodeProto): NodeProto | undefined {
  const value = node.output[0] ?? ''
  const [use, ...more] = graph.uses(value)
  if (node.opType !== 'MatMul' || !use || more.length > 0 || graph.isOutput(value)) return undefined
  const { opType, domain, input } = use.node
  const other = input[1 - use.index] ?? ''
  return opType === 'Add' && domain === '' && graph.initializer(other) ? use.node : undefined
}
