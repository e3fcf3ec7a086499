/** Going through everything a model holds, subgraphs and functions included. */
import type { GraphProto, ModelProto, NodeProto, TensorProto } from 'onnx-buf'

/** Calls `visit` with every tensor: initializers (sparse ones' parts too) and tensor attributes, at any depth. */
export function eachTensor(model: ModelProto, visit: (tensor: TensorProto) => void): void {
  if (model.graph) graphTensors(model.graph, visit)
  for (const part of model.functions) for (const node of part.node) nodeTensors(node, visit)
  for (const training of model.trainingInfo) {
    if (training.initialization) graphTensors(training.initialization, visit)
    if (training.algorithm) graphTensors(training.algorithm, visit)
  }
}

/** As `eachTensor`, of one graph. */
export function graphTensors(graph: GraphProto, visit: (tensor: TensorProto) => void): void {
  graph.initializer.forEach(visit)
  for (const sparse of graph.sparseInitializer) {
    if (sparse.values) visit(sparse.values)
    if (sparse.indices) visit(sparse.indices)
  }
  for (const node of graph.node) nodeTensors(node, visit)
}

function nodeTensors(node: NodeProto, visit: (tensor: TensorProto) => void): void {
  for (const attribute of node.attribute) {
    if (attribute.t) visit(attribute.t)
    attribute.tensors.forEach(visit)
    if (attribute.g) graphTensors(attribute.g, visit)
    for (const graph of attribute.graphs) graphTensors(graph, visit)
  }
}

/** Calls `visit` with every node of a graph and of its subgraphs; `depth` is 0 in the graph itself. */
export function eachNode(
  graph: GraphProto,
  visit: (node: NodeProto, depth: number) => void,
  depth = 0,
): void {
  for (const node of graph.node) {
    visit(node, depth)
    for (const inner of subgraphs(node)) eachNode(inner, visit, depth + 1)
  }
}

/** The graphs a node holds as attributes. */
export function subgraphs(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(a => (a.g ? [a.g, ...a.graphs] : a.graphs))
}

/** Calls `visit` with every dense initializer of a graph and of its subgraphs. */
export function initializerTensors(graph: GraphProto, visit: (tensor: TensorProto) => void): void {
  graph.initializer.forEach(visit)
  for (const node of graph.node) for (const inner of subgraphs(node)) initializerTensors(inner, visit)
}
