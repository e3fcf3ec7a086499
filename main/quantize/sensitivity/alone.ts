/** What a plan of static int8 does to one layer, without what it does to the others. */
import type { NodeProto } from 'onnx-buf'
import type { Model } from '../../onnx/model'
import { normalDomain } from '../../onnx/model'
import { quantizeRole } from '../../operators/quantize'
import type { StaticDecisions } from '../static/options'

/** What of a layer is in 8 bits. */
export type Part = 'whole' | 'weights' | 'activations'

type Planned = StaticDecisions['nodes'][number]

/** A node that loses something of its own in 8 bits, with the values it reads and makes so. */
export interface PlannedLayer {
  planned: Planned
  node: NodeProto
  /** Activations it reads in 8 bits. */
  reads: string[]
  /** What it makes in 8 bits, behind an activation that saturation replaces; null where it makes floats. */
  makes: string | null
  weight: string | null
}

/**
 * Layers in the order of the graph. Nodes that only move codes are none: what they lose was lost before them. A
 * matrix product is one whose result stays in float, as it does when nothing behind it is quantized; a convolution has
 * no such kernel.
 */
export function plannedLayers(model: Model, decisions: StaticDecisions): PlannedLayer[] {
  const { graph } = model
  const carried = new Set(decisions.values.filter(v => v.carried).map(v => v.name))
  const fused = new Map<string, string>()
  const byOutput = new Map(graph.nodes.flatMap(node => node.output.map(name => [name, node] as const)))
  for (const { id, fused: joins } of decisions.absorbed) {
    const follower = byOutput.get(id)
    if (joins && follower) fused.set(follower.input[0] ?? '', id)
  }
  const planned = new Map(decisions.nodes.map(n => [n.id, n]))
  return graph.topological().flatMap(node => {
    const plan = node.output.map(name => planned.get(name)).find(found => found !== undefined)
    const role = quantizeRole(node.opType, normalDomain(node.domain))
    if (!plan || !role || role.kind === 'pass' || role.kind === 'absorbed') return []
    const result = fused.get(plan.id) ?? plan.id
    const inFloat = role.kind === 'weighted' && role.floatOutput
    return [
      {
        planned: plan,
        node,
        reads: [...new Set(plan.activations.map(i => node.input[i] ?? ''))],
        makes: !inFloat && carried.has(result) ? result : null,
        weight: plan.weight === null ? null : (node.input[plan.weight] ?? null),
      },
    ]
  })
}

/** Whether a part of a layer can be in 8 bits without the rest. */
export function hasPart({ reads, makes, weight }: PlannedLayer, part: Part): boolean {
  const activations = reads.length > 0 || makes !== null
  if (part === 'whole') return true
  return part === 'weights' ? weight !== null && activations : activations && weight !== null
}

/**
 * The decisions for a part of one layer alone. Corrected biases are left out: they mend what the layers before do as
 * well.
 */
export function alone(decisions: StaticDecisions, layer: PlannedLayer, part: Part): StaticDecisions {
  const { planned, node, reads, makes, weight } = layer
  const [withWeights, withActivations] = [part !== 'activations', part !== 'weights']
  const bias = planned.bias !== null && (node.input[planned.bias] ?? '') !== '' ? planned.bias : null
  const values = withActivations ? decisions.values.filter(v => reads.includes(v.name)) : []
  const made = withActivations
    ? decisions.values.filter(v => v.name === makes && !reads.includes(v.name))
    : []
  const constants = planned.constants.map(i => node.input[i] ?? '')
  return {
    ...decisions,
    nodes: [
      {
        ...planned,
        activations: withActivations ? planned.activations : [],
        constants: withActivations ? planned.constants : [],
        weight: withWeights ? planned.weight : null,
        bias: part === 'whole' ? bias : null,
      },
    ],
    absorbed:
      part === 'whole' && makes !== null ? decisions.absorbed.filter(a => a.fused && a.id === makes) : [],
    values: [...values.map(v => ({ ...v, carried: false })), ...made],
    wide: { nodes: [], values: [] },
    weights: withWeights ? decisions.weights.filter(w => w.name === weight) : [],
    constants: withActivations ? decisions.constants.filter(c => constants.includes(c.name)) : [],
    biases: [],
    tables: [],
    added: [],
  }
}
