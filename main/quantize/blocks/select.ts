/** Which dense layers can be stored in blocks of codes, and why the others cannot. */
import type { NodeProto } from 'onnx-buf'
import type { Note, TensorInfo } from '../../../shared/domain'
import { floatAttribute, intAttribute } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import { type Model, normalDomain } from '../../onnx/model'
import { dataTypeName, tensorCount, tensorDims } from '../../onnx/tensor'
import { nodeId, nodeLabel } from '../names'
import { allFinite, floatValues } from '../weights'
import type { Bits } from './grid'

/** A MatMul or Gemm whose weights become codes. */
export interface DenseLayer {
  /** First output of the node. */
  id: string
  weight: string
  k: number
  n: number
  /** The weight is [N, K]. */
  transposed: boolean
}

export interface DenseOptions {
  form: 'nbits' | 'dequantize'
  bits: Bits
  group: number
  /** Embedding tables are stored in blocks too. */
  embeddings: boolean
  /** Layers with fewer weights stay. */
  least: number
  exclude: ReadonlySet<NodeProto>
}

/** Chooses. `types` are the model's inferred types; external weights are read. */
export function denseLayers(
  model: Model,
  types: ReadonlyMap<string, TensorInfo>,
  options: DenseOptions,
): { layers: DenseLayer[]; notes: Note[] } {
  const chosen = new Map<NodeProto, DenseLayer>()
  const notes: Note[] = []
  for (const node of model.graph.nodes) {
    if (normalDomain(node.domain) !== '') continue
    const dense = node.opType === 'MatMul' || node.opType === 'Gemm'
    const reason = dense ? refusal(model, node, types, options) : otherReason(model, node, options)
    if (reason) notes.push(left(node, reason))
    else if (dense) chosen.set(node, layerOf(model, node))
  }
  for (const [node, layer] of chosen) {
    const other = model.graph.uses(layer.weight).find(use => use.index !== 1 || !chosen.has(use.node))
    if (!other) continue
    chosen.delete(node)
    notes.push(
      left(node, `${describeNode(other.node)} reads its weights in float, and they would be stored twice`),
    )
  }
  return { layers: [...chosen.values()], notes }
}

function left(node: NodeProto, reason: string): Note {
  return {
    code: 'left-in-float',
    severity: 'info',
    node: nodeLabel(node),
    message: `${describeNode(node)} stays in float: ${reason}.`,
  }
}

/** What to say of a node that is no dense layer but holds weights. */
function otherReason(
  model: Model,
  node: NodeProto,
  { least, embeddings, bits }: DenseOptions,
): string | null {
  if (node.attribute.some(a => a.g !== undefined || a.graphs.length > 0)) {
    return 'it holds subgraphs, and nodes inside subgraphs are left alone'
  }
  if (node.opType !== 'Gather' || embeddings) return null
  const table = model.graph.initializer(node.input[0] ?? '')
  const large = table && table.dims.length >= 2 && tensorCount(table) >= least
  return large && dataTypeName(table.dataType) === 'float32'
    ? `embedding tables are stored in ${bits} bits only where asked for`
    : null
}

function layerOf(model: Model, node: NodeProto): DenseLayer {
  const weight = node.input[1] as string
  const tensor = model.graph.initializer(weight)
  const [rows, columns] = (tensor ? tensorDims(tensor) : []) as [number, number]
  const transposed = node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0
  const [k, n] = transposed ? [columns, rows] : [rows, columns]
  return { id: nodeId(node), weight, k, n, transposed }
}

function refusal(
  model: Model,
  node: NodeProto,
  types: ReadonlyMap<string, TensorInfo>,
  options: DenseOptions,
): string | null {
  const { graph } = model
  const name = node.input[1] ?? ''
  const tensor = graph.initializer(name)
  if (options.exclude.has(node)) return 'excluded'
  if (!tensor) {
    return graph.initializer(node.input[0] ?? '')
      ? 'its weights are on the left'
      : 'its second input is computed'
  }
  const type = dataTypeName(tensor.dataType)
  if (type !== 'float32') return `its weights are ${type}, not float32`
  if (tensor.dims.length !== 2) return 'its weights are not a matrix'
  if (tensorCount(tensor) < options.least) return `it has fewer than ${options.least} weights`
  if (graph.isOutput(name)) return 'its weights are an output of the model'
  if (graph.isInput(name)) return 'the model lets its callers replace its weights'
  const layer = layerOf(model, node)
  if (codedBytes(layer, options) >= 4 * layer.k * layer.n) {
    return `with ${layer.k} inputs it would take no less room in blocks of ${options.group}`
  }
  const form = options.form === 'nbits' ? formRefusal(model, node, types) : null
  if (form) return form
  return allFinite(floatValues(tensor, model.directory)) ? null : 'its weights are not all finite'
}

/** Bytes of a layer's codes and scales; MatMulNBits fills the last block of every column up. */
function codedBytes({ k, n }: DenseLayer, { form, group, bits }: DenseOptions): number {
  const count = Math.ceil(k / group)
  return n * (((form === 'nbits' ? count * group : k) * bits) / 8 + 4 * count)
}

/** Why MatMulNBits cannot stand for the node. */
function formRefusal(model: Model, node: NodeProto, types: ReadonlyMap<string, TensorInfo>): string | null {
  if (node.opType === 'MatMul') {
    return types.get(node.input[0] ?? '')?.shape.length === 1 ? 'its input is a vector' : null
  }
  if (intAttribute(node, 'transA', 0)) return 'its first input is transposed'
  const bias = node.input[2] ?? ''
  const scaled = bias !== '' && floatAttribute(node, 'beta', 1) !== 1
  return scaled && !model.graph.initializer(bias) ? 'its bias is computed and scaled' : null
}
