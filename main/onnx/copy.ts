/** Copies of models to work on. */
import type { NodeProto } from 'onnx-buf'
import { Model } from './model'
import { shallow } from './shallow'

/**
 * A copy whose graph can be edited without the original changing. Tensors, attributes and subgraphs are shared: put
 * new ones in their place instead of writing into them.
 */
export function copyModel(model: Model): Model {
  const proto = shallow(model.proto)
  proto.metadataProps = [...proto.metadataProps]
  proto.opsetImport = proto.opsetImport.map(shallow)
  const graph = shallow(model.graph.proto)
  graph.node = graph.node.map(copyNode)
  graph.initializer = [...graph.initializer]
  graph.input = [...graph.input]
  graph.output = [...graph.output]
  graph.valueInfo = [...graph.valueInfo]
  graph.quantizationAnnotation = [...graph.quantizationAnnotation]
  proto.graph = graph
  return new Model(proto, model.directory)
}

function copyNode(node: NodeProto): NodeProto {
  const copy = shallow(node)
  copy.input = [...node.input]
  copy.output = [...node.output]
  copy.attribute = [...node.attribute]
  return copy
}
