/** A model's graph as the screen draws it, with what can be compared where. */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import type { TensorInfo } from '../../shared/tensor'
import type { GraphNode, GraphView } from '../../shared/training'
import { summarizeLayers } from '../measure/layers'
import { nodeReads } from '../onnx/graph'
import { inferTypes } from '../onnx/infer'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { operatorKey } from '../operators'
import { featureTensors } from './tensors'
import { shapesOf } from './tensors-shapes'

/**
 * Nodes in topological order without those computed from constants alone; what these hold counts as parameters of the
 * node that reads it. A value of unknown type has the type 'unknown'. Ids are names of first outputs.
 */
export async function graphView(model: Model): Promise<GraphView> {
  const types = await typesOf(model)
  const losses = await lossesByValue(model)
  const parameters = parametersByNode(model, types)
  const constants = constantNames(model)
  const info = (name: string): TensorInfo => types.get(name) ?? { name, type: 'unknown', shape: [] }
  const nodes: GraphNode[] = []
  for (const node of model.graph.topological()) {
    const outputs = node.output.filter(name => name !== '')
    const [first] = outputs
    if (first === undefined || constants.has(first)) continue
    nodes.push({
      id: first,
      op: operatorKey(node.opType, node.domain),
      name: node.name,
      inputs: [...new Set(nodeReads(node))].filter(name => !constants.has(name)),
      outputs: outputs.map(info),
      parameters: parameters.get(node) ?? 0,
      losses: losses.get(first) ?? [],
    })
  }
  return {
    nodes,
    inputs: modelInputs(model).map(input => types.get(input.name) ?? input),
    outputs: model.graph.outputNames.map(info),
  }
}

/** Where shapes cannot be followed into the graph, those inferred with symbolic sizes are shown. */
async function typesOf(model: Model): Promise<Map<string, TensorInfo>> {
  try {
    return await shapesOf(model)
  } catch (error) {
    if (error instanceof BantamError && error.code === 'unsupported') return inferTypes(model)
    throw error
  }
}

/** Empty where no shapes are known inside the model: then nothing there can be compared. */
async function lossesByValue(model: Model): Promise<Map<string, GraphNode['losses']>> {
  try {
    return new Map((await featureTensors(model)).map(tensor => [tensor.name, tensor.losses]))
  } catch (error) {
    if (error instanceof BantamError && error.code === 'unsupported') return new Map()
    throw error
  }
}

function parametersByNode(model: Model, types: Map<string, TensorInfo>): Map<NodeProto, number> {
  const { layers } = summarizeLayers(model, types, types)
  // Layers are the nodes in their order, without constants.
  const nodes = model.graph.nodes.filter(node => !(node.opType === 'Constant' && node.domain === ''))
  return new Map(nodes.map((node, i) => [node, layers[i]?.parameters ?? 0]))
}

/** Values that do not depend on the model's inputs. */
function constantNames(model: Model): Set<string> {
  const given = new Set(model.graph.proto.input.map(value => value.name))
  const names = new Set(
    [...model.graph.initializers()].map(tensor => tensor.name).filter(name => !given.has(name)),
  )
  for (const node of model.graph.topological()) {
    const reads = nodeReads(node)
    const drawn = /^Random|^Bernoulli|^Multinomial/.test(node.opType)
    const constant = node.opType === 'Constant'
    if (constant || (!drawn && reads.length > 0 && reads.every(name => names.has(name)))) {
      for (const name of node.output) if (name !== '') names.add(name)
    }
  }
  return names
}
