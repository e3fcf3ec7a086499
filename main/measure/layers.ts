/**
 * A model's layers: the nodes of its graph with what each one holds and costs. Constants are no layers. What exporters
 * compute from weights alone (DequantizeLinear, Transpose, Cast of a weight) is part of the layer that reads the
 * result: its tensors count there.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import type { LayerSummary } from '../../shared/domain'
import { subgraphReads } from '../onnx/graph'
import type { Types } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { constantTensor } from '../onnx/skeleton'
import { dataTypeName, isExternal, storedByteLength, tensorByteLength, tensorCount } from '../onnx/tensor'
import { graphTensors, subgraphs } from '../onnx/walk'
import { operatorKey, operatorRow } from '../operators'
import type { Cost } from '../operators/row'

export interface Layers {
  layers: LayerSummary[]
  parameters: number
  macs: number
  /** Operators of unknown cost, with how many nodes. */
  unknownCost: Record<string, number>
  /** Why, one reason per operator. */
  reasons: Map<string, string>
}

/**
 * @param types what is known of every value, for the shapes shown
 * @param sized the same with every dimension a number where possible, for the cost of one sample
 */
export function summarizeLayers(model: Model, types: Types, sized: Types): Layers {
  const constants = constantValues(model)
  const readers = firstReaders(model, constants)
  const held = new Map<NodeProto, TensorProto[]>()
  const counted = new Set<TensorProto>()
  const hold = (node: NodeProto, tensors: readonly TensorProto[]) => {
    for (const tensor of tensors) {
      if (counted.has(tensor)) continue
      counted.add(tensor)
      const list = held.get(node)
      if (list) list.push(tensor)
      else held.set(node, [tensor])
    }
  }
  for (const node of model.graph.nodes) {
    if (constantTensor(node)) continue
    const owner = readers(node)
    const names = [...node.input, ...subgraphReads(node)]
    hold(
      owner,
      names.flatMap(name => constants.tensors.get(name) ?? []),
    )
    for (const graph of subgraphs(node)) graphTensors(graph, tensor => hold(owner, [tensor]))
  }
  return addUp(model, held, types, sized)
}

function addUp(
  model: Model,
  held: ReadonlyMap<NodeProto, readonly TensorProto[]>,
  types: Types,
  sized: Types,
): Layers {
  const scales = quantizationScales(model)
  const result: Layers = { layers: [], parameters: 0, macs: 0, unknownCost: {}, reasons: new Map() }
  for (const node of model.graph.nodes) {
    if (node.opType === 'Constant' && node.domain === '') continue
    const op = operatorKey(node.opType, node.domain)
    const cost = nodeCost(node, sized)
    const tensors = held.get(node) ?? []
    const learnt = tensors.filter(t => !scales.has(t.name))
    const parameters = learnt.reduce((sum, t) => sum + parameterCount(t), 0)
    const macs = 'macs' in cost ? cost.macs : null
    if ('unknown' in cost) {
      result.unknownCost[op] = (result.unknownCost[op] ?? 0) + 1
      result.reasons.set(op, cost.unknown)
    }
    result.parameters += parameters
    result.macs += macs ?? 0
    result.layers.push({
      name: node.name || (node.output.find(name => name !== '') ?? ''),
      op,
      parameters,
      macs,
      bytes: tensors.reduce((sum, t) => sum + byteLength(t), 0),
      outputShape: types.get(node.output[0] ?? '')?.shape ?? null,
    })
  }
  return result
}

/** Multiply-accumulates of a node for the given types, or why they are not known. */
export function nodeCost(node: NodeProto, sized: Types): Cost {
  const row = operatorRow(node.opType, node.domain)
  if (!row) return { unknown: 'The operator is not known here.' }
  return row.cost(node, value => {
    const shape = sized.get(value)?.shape
    return shape?.every((d): d is number => typeof d === 'number' && d >= 0) ? shape : undefined
  })
}

/** Tensors by the constant value they make, and the names of all values computed from constants alone. */
function constantValues(model: Model): { tensors: Map<string, TensorProto>; names: Set<string> } {
  const overridable = new Set(model.graph.proto.input.map(v => v.name))
  const tensors = new Map<string, TensorProto>()
  for (const tensor of model.graph.initializers()) tensors.set(tensor.name, tensor)
  const names = new Set([...tensors.keys()].filter(name => !overridable.has(name)))
  for (const node of model.graph.topological()) {
    const tensor = constantTensor(node)
    const output = node.output[0] ?? ''
    if (tensor) tensors.set(output, tensor)
    const inputs = node.input.filter(name => name !== '')
    const fixed = node.opType === 'Constant' || (inputs.length > 0 && inputs.every(name => names.has(name)))
    if (fixed && subgraphs(node).length === 0) for (const name of node.output) names.add(name)
  }
  return { tensors, names }
}

/** For a node computed from constants alone the first layer that reads its result, else the node itself. */
function firstReaders(model: Model, constants: { names: Set<string> }): (node: NodeProto) => NodeProto {
  return node => {
    let at = node
    // Each step goes forward in an acyclic graph.
    while (at.output[0] !== undefined && constants.names.has(at.output[0])) {
      const next = model.graph.uses(at.output[0])[0]?.node
      if (!next) break
      at = next
    }
    return at
  }
}

/** Initializers read only as a scale or zero point: they belong to a weight's or activation's type, not to its values. */
function quantizationScales(model: Model): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { name } of model.graph.initializers()) {
    const uses = model.graph.uses(name)
    if (
      uses.length > 0 &&
      uses.every(({ node, index }) => index > 0 && /^(Q|Deq)uantizeLinear$/.test(node.opType))
    ) {
      names.add(name)
    }
  }
  return names
}

/** Elements that count as parameters: numbers that are learnt, so no indices, shapes, flags or text. */
export function parameterCount(tensor: TensorProto): number {
  const type = dataTypeName(tensor.dataType)
  return /^(int64|uint64|uint32|bool|string|undefined)/.test(type) ? 0 : tensorCount(tensor)
}

function byteLength(tensor: TensorProto): number {
  if (dataTypeName(tensor.dataType) === 'string')
    return tensor.stringData.reduce((n, s) => n + s.byteLength, 0)
  return isExternal(tensor) ? tensorByteLength(tensor) : storedByteLength(tensor)
}
