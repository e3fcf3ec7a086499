/** A model that can be edited while the original stays as it is. */
import type { GraphProto, NodeProto } from 'onnx-buf'
import { Model } from '../onnx/model'
import { shallow } from '../onnx/shallow'

/** Copies the message, the main graph's lists and its nodes; tensors, attributes and subgraphs are shared. */
export function editableCopy(model: Model): Model {
  const proto = shallow(model.proto)
  const graph: GraphProto = shallow(model.graph.proto)
  graph.node = graph.node.map(node => {
    const copy: NodeProto = shallow(node)
    copy.input = [...node.input]
    copy.output = [...node.output]
    copy.attribute = [...node.attribute]
    return copy
  })
  graph.input = [...graph.input]
  graph.output = [...graph.output]
  graph.initializer = [...graph.initializer]
  graph.valueInfo = [...graph.valueInfo]
  proto.graph = graph
  proto.opsetImport = proto.opsetImport.map(shallow)
  proto.metadataProps = [...proto.metadataProps]
  return new Model(proto, model.directory)
}
