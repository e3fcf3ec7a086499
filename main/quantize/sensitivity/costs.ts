/** What layers take of a model: shares of its work and weights, and time as ONNX Runtime's profile tells it. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { nodeCost, parameterCount } from '../../measure/layers'
import { declaredTypes } from '../../onnx/infer'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { sizedTypes } from '../../structure/model-cost'

export interface LayerCost {
  /** Shares of the model's. */
  macs: number
  parameters: number
}

/** Of every node of the main graph; a weight that several read counts for the first. */
export async function layerCosts(model: Model): Promise<Map<NodeProto, LayerCost>> {
  const [sized = declaredTypes(model)] = await sizedTypes([model], modelInputs(model))
  const counted = new Set<TensorProto>()
  const nodes = model.graph.topological().map(node => {
    const cost = nodeCost(node, sized)
    let parameters = 0
    for (const name of node.input) {
      const tensor = model.graph.initializer(name)
      if (!tensor || counted.has(tensor)) continue
      counted.add(tensor)
      parameters += parameterCount(tensor)
    }
    return { node, macs: 'macs' in cost ? cost.macs : 0, parameters }
  })
  const [macs, parameters] = (['macs', 'parameters'] as const).map(key =>
    Math.max(
      1,
      nodes.reduce((sum, cost) => sum + cost[key], 0),
    ),
  ) as [number, number] // one for each of the two keys
  return new Map(nodes.map(n => [n.node, { macs: n.macs / macs, parameters: n.parameters / parameters }]))
}
