/**
 * A model without its weights, for ONNX Runtime to infer types on: large constants become inputs of the same type and
 * shape (in subgraphs, which cannot have inputs, ConstantOfShape nodes). Small constants stay, as shapes, axes and
 * sizes that inference reads are among them.
 */
import { create } from '@bufbuild/protobuf'
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from 'onnx-buf'
import { TensorProto_DataType, TensorProtoSchema } from 'onnx-buf'
import { attribute, makeAttribute, makeNode, makeValue } from './build'
import { inMessage } from './embed'
import { isHiddenType } from './hidden'
import type { Model } from './model'
import { shallow } from './shallow'
import { dataTypeName, elementBits, makeTensor, tensorByteLength, tensorDims } from './tensor'

/** Bytes above which a constant is a weight. */
const WEIGHT_ABOVE = 4096

/** The skeleton; shares everything with the model that it does not replace. Small external tensors are read in. */
export function skeleton(model: Model): ModelProto {
  const copy = shallow(model.proto)
  copy.graph = outerGraph(model.graph.proto, model.directory)
  copy.metadataProps = []
  copy.trainingInfo = []
  return copy
}

function isWeight(tensor: TensorProto): boolean {
  return tensor.dataType !== TensorProto_DataType.STRING && tensorByteLength(tensor) > WEIGHT_ABOVE
}

function outerGraph(source: GraphProto, directory: string | null): GraphProto {
  const graph = shallow(source)
  const inputs: ValueInfoProto[] = []
  const casts: NodeProto[] = []
  const replace = (name: string, tensor: TensorProto) => {
    const type = dataTypeName(tensor.dataType)
    // Only these cannot be a session's input; Cast makes them from one that can.
    const exchanged = !isHiddenType(type)
    const input = exchanged ? name : `${name}/float32`
    inputs.push(makeValue(input, exchanged ? type : 'float32', tensorDims(tensor)))
    if (!exchanged) casts.push(makeNode('Cast', [input], [name], { to: BigInt(tensor.dataType) }))
  }
  const kept: TensorProto[] = []
  for (const tensor of source.initializer) {
    if (isWeight(tensor)) replace(tensor.name, tensor)
    else kept.push(inMessage(tensor, directory))
  }
  const nodes: NodeProto[] = []
  for (const node of source.node) {
    const tensor = constantTensor(node)
    if (tensor && isWeight(tensor)) replace(node.output[0] ?? '', tensor)
    else nodes.push(innerNode(node, directory))
  }
  const gone = new Set(inputs.map(v => v.name))
  graph.input = [...source.input.filter(v => !gone.has(v.name)), ...inputs]
  graph.initializer = kept
  graph.node = [...casts, ...nodes]
  graph.quantizationAnnotation = []
  return graph
}

/** The tensor of a Constant node. */
export function constantTensor(node: NodeProto): TensorProto | undefined {
  return node.opType === 'Constant' && node.domain === '' ? attribute(node, 'value')?.t : undefined
}

function innerNode(node: NodeProto, directory: string | null): NodeProto {
  if (!node.attribute.some(a => a.g || a.graphs.length > 0 || a.t)) return node
  const copy = shallow(node)
  copy.attribute = node.attribute.map(a => {
    if (!a.g && !a.t && a.graphs.length === 0) return a
    const inner = shallow(a)
    if (a.g) inner.g = innerGraph(a.g, directory)
    if (a.t) inner.t = inMessage(a.t, directory)
    inner.graphs = a.graphs.map(graph => innerGraph(graph, directory))
    return inner
  })
  return copy
}

function innerGraph(source: GraphProto, directory: string | null): GraphProto {
  const graph = shallow(source)
  const nodes: NodeProto[] = []
  const kept: TensorProto[] = []
  const replace = (name: string, tensor: TensorProto) => {
    const shape = `${name}/shape`
    kept.push(makeTensor(shape, 'int64', [tensor.dims.length], tensor.dims))
    nodes.push(constantOfShape(name, shape, tensor.dataType))
  }
  for (const tensor of source.initializer) {
    if (isWeight(tensor)) replace(tensor.name, tensor)
    else kept.push(inMessage(tensor, directory))
  }
  for (const node of source.node) {
    const tensor = constantTensor(node)
    if (tensor && isWeight(tensor)) replace(node.output[0] ?? '', tensor)
    else nodes.push(innerNode(node, directory))
  }
  graph.initializer = kept
  graph.node = nodes
  return graph
}

function constantOfShape(name: string, shape: string, dataType: number): NodeProto {
  const node = makeNode('ConstantOfShape', [shape], [name])
  const rawData = new Uint8Array(Math.ceil((elementBits(dataType) ?? 8) / 8))
  node.attribute.push(makeAttribute('value', create(TensorProtoSchema, { dims: [1n], dataType, rawData })))
  return node
}
