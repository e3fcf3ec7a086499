/** What the layers of a model cost in float and in 8 bits: what a search weighs losses against. */
import { breathe, type TaskContext } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import { tensorByteLength } from '../../onnx/tensor'
import { nodeTimes } from '../../prune/timings'
import { nodeId, nodeLabel } from '../names'
import { layerCosts } from '../sensitivity/costs'
import type { StaticDecisions } from '../static/options'

/** A node that a search may move between precisions. */
export interface Layer {
  id: string
  /** What people know it by. */
  label: string
  /** Has weights; others only join nodes that have. */
  weighted: boolean
  /** Bytes that its weights take more in float than in 8 bits. */
  bytes: number
  /** Milliseconds per run of one sample that it takes more in float than in 8 bits; negative where it takes less. */
  milliseconds: number
}

/** Operators whose 8-bit form has a rounding of its own; others move codes. */
const OWN = new Set(['Add', 'Mul', 'AveragePool', 'GlobalAveragePool', 'LeakyRelu', 'Sigmoid', 'Concat'])

/**
 * The layers of a plan in which all are in 8 bits. `model`: the prepared float model; `quantized`: the same by the plan.
 * Times are by ONNX Runtime's profiles of both, batch 1 on one thread, and 0 where they tell nothing.
 */
export async function layersOf(
  model: Model,
  quantized: Model,
  decisions: Pick<StaticDecisions, 'nodes'>,
  context: TaskContext,
): Promise<Layer[]> {
  const [float, int8] = [await times(model, context), await times(quantized, context)]
  const byId = new Map(model.graph.nodes.map(node => [nodeId(node), node]))
  return decisions.nodes.flatMap(({ id, op, name, weight }) => {
    const node = byId.get(id)
    if (!node || (weight === null && !OWN.has(op))) return []
    const tensor = weight === null ? undefined : model.graph.initializer(node.input[weight] ?? '')
    return [
      {
        id,
        label: nodeLabel(node),
        weighted: weight !== null,
        bytes: tensor ? 0.75 * tensorByteLength(tensor) : 0,
        milliseconds: (float.get(nodeLabel(node)) ?? 0) - (int8.get(name) ?? 0),
      },
    ]
  })
}

async function times(model: Model, context: TaskContext): Promise<Map<string, number>> {
  await breathe(context)
  const found = await nodeTimes(model, { ...context, progress: () => undefined })
  const named = new Map<string, number>()
  for (const [node, ms] of found) named.set(nodeLabel(node), (named.get(nodeLabel(node)) ?? 0) + ms)
  return named
}

/** Share of the multiply-accumulates of each node. */
export async function macShares(model: Model): Promise<Map<string, number>> {
  return new Map([...(await layerCosts(model))].map(([node, { macs }]) => [nodeId(node), macs]))
}

/** Share of the multiply-accumulates that the planned nodes do in 8 bits. */
export function int8Share(
  macs: ReadonlyMap<string, number>,
  { nodes }: Pick<StaticDecisions, 'nodes'>,
): number {
  return nodes.reduce((sum, { id }) => sum + (macs.get(id) ?? 0), 0)
}
