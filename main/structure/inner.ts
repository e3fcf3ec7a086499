/** Weights that no channel rule sees: those inside the subgraphs of If, Loop and Scan, which stay as they are. */
import type { NodeProto } from 'onnx-buf'
import { describeNode } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { tensorCount } from '../onnx/tensor'
import { graphTensors, subgraphs } from '../onnx/walk'

/** Constants of more elements than this are weights, not sizes and settings. */
const SMALL = 64

/** Nodes whose subgraphs hold weights, as `describeNode` calls them, in the order of the graph. */
export function holdersOfWeights(model: Model): string[] {
  return model.graph.nodes.filter(holdsWeights).map(describeNode)
}

function holdsWeights(node: NodeProto): boolean {
  let found = false
  for (const graph of subgraphs(node))
    graphTensors(graph, tensor => {
      found ||= tensorCount(tensor) > SMALL
    })
  return found
}
