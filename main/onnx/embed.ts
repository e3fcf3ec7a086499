/** Bringing the payloads of tensors inside nodes (attributes, subgraphs) to the form they are written in. */
import type { GraphProto, NodeProto, TensorProto } from 'onnx-buf'
import { TensorProto_DataLocation } from 'onnx-buf'
import { shallow } from './shallow'
import { isExternal, tensorBytes } from './tensor'

/** Says how a tensor is written: `inline` with its payload in the message, else as it is. */
export type Form = (tensor: TensorProto) => { tensor: TensorProto; inline: boolean }

/** The node with all its tensors in that form; itself when it holds none. Throws as `tensorBytes`. */
export function embedNode(node: NodeProto, directory: string | null, form: Form): NodeProto {
  if (!node.attribute.some(a => a.t || a.g || a.graphs.length > 0 || a.tensors.length > 0)) return node
  const copy = shallow(node)
  copy.attribute = node.attribute.map(attribute => {
    const { t, g, graphs, tensors } = attribute
    if (!t && !g && graphs.length === 0 && tensors.length === 0) return attribute
    const inner = shallow(attribute)
    if (t) inner.t = embedTensor(t, directory, form)
    if (g) inner.g = embedGraph(g, directory, form)
    inner.graphs = graphs.map(graph => embedGraph(graph, directory, form))
    inner.tensors = tensors.map(tensor => embedTensor(tensor, directory, form))
    return inner
  })
  return copy
}

function embedGraph(source: GraphProto, directory: string | null, form: Form): GraphProto {
  const graph = shallow(source)
  graph.initializer = source.initializer.map(tensor => embedTensor(tensor, directory, form))
  graph.node = source.node.map(node => embedNode(node, directory, form))
  return graph
}

function embedTensor(source: TensorProto, directory: string | null, form: Form): TensorProto {
  const { tensor, inline } = form(source)
  return inline ? inMessage(tensor, directory) : tensor
}

/** The tensor with its payload in the message; itself when it already is. Throws as `tensorBytes`. */
export function inMessage(tensor: TensorProto, directory: string | null): TensorProto {
  if (!isExternal(tensor)) return tensor
  const copy = shallow(tensor)
  // protobuf's typings ask for an ArrayBuffer below; it is one, as the bytes were just read.
  copy.rawData = tensorBytes(tensor, directory) as Uint8Array<ArrayBuffer>
  copy.externalData = []
  copy.dataLocation = TensorProto_DataLocation.DEFAULT
  return copy
}
