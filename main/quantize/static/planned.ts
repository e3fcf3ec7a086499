/** The nodes of a plan that have weights. */
import type { NodeProto } from 'onnx-buf'
import type { Model } from '../../onnx/model'
import { nodeId } from '../names'
import type { StaticDecisions } from './options'

export interface PlannedLayer {
  planned: StaticDecisions['nodes'][number]
  node: NodeProto
  /** Its activations are in 16 bits. */
  wide: boolean
}

/** In the order of the graph. `model`: the prepared float model that the decisions are about. */
export function plannedLayers(model: Model, decisions: StaticDecisions): PlannedLayer[] {
  const narrow = decisions.nodes.map(planned => ({ planned, wide: false }))
  const wide = decisions.wide.nodes.map(planned => ({ planned, wide: true }))
  const byId = new Map([...narrow, ...wide].map(p => [p.planned.id, p]))
  return model.graph.topological().flatMap(node => {
    const found = byId.get(nodeId(node))
    return found && found.planned.weight !== null ? [{ ...found, node }] : []
  })
}
