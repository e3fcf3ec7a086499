/**
 * Plans a walk through a model: at which stop every node runs, so that each runs once, and which values must be kept
 * from stop to stop.
 *
 * A node runs at the first stop that wants something made of it, but never before the stop behind the last change to
 * it or to what it depends on: what it made before would be stale.
 */
import type { NodeProto } from 'onnx-buf'
import { CARRIED } from '../../onnx/cut'
import { nodeReads } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { elementTypes } from '../types'

/** A place on the way through a model. */
export interface Stop {
  /** Values to look at here. */
  values: readonly string[]
  /** Values whose makers are changed while the walk is here. Their names stay. */
  changes: readonly string[]
}

/** Values that are there at a stop. */
export interface Held {
  /** For what comes behind. */
  kept: readonly string[]
  /** For this stop alone: they will be other values once the changes are made. */
  shown: readonly string[]
}

/**
 * What is held at every stop. Values that do not depend on the inputs of the model (dequantized weights), or that
 * cannot leave a session, are not kept but made again wherever they are read; `shown` may still name them.
 */
export async function heldAt(model: Model, stops: readonly Stop[]): Promise<Held[]> {
  const order = model.graph.topological()
  const first = firstWanted(model, stops)
  const changed = changedBy(order, stops)
  const keepable = await keepableOf(model, order)
  const ready = new Map<string, number>(model.graph.inputNames.map(name => [name, 0]))
  const stopOf = (node: NodeProto) => Math.max(first.get(node) ?? 0, (changed.get(node) ?? -1) + 1)
  for (const node of order) {
    if (first.has(node)) for (const name of node.output) ready.set(name, stopOf(node))
  }
  const last = new Map<string, number>()
  const needed = (name: string, at: number) => last.set(name, Math.max(last.get(name) ?? -1, at))
  for (const node of order) {
    if (!first.has(node)) continue
    // What is made again needs its own inputs to the end.
    const again = node.output.some(name => name !== '' && !keepable.has(name))
    for (const name of nodeReads(node)) needed(name, again ? stops.length - 1 : stopOf(node) - 1)
  }
  for (const [i, { values }] of stops.entries()) for (const name of values) needed(name, i)
  const kept: string[][] = stops.map(() => [])
  for (const [name, from] of ready) {
    if (!keepable.has(name)) continue
    const to = Math.min(last.get(name) ?? -1, stops.length - 1)
    for (let i = from; i <= to; i++) kept[i]?.push(name)
  }
  return stops.map(({ values }, i) => {
    const known = new Set(kept[i])
    return { kept: kept[i] ?? [], shown: [...new Set(values)].filter(name => !known.has(name)) }
  })
}

/** For nodes that a stop needs, the first such stop. */
function firstWanted({ graph }: Model, stops: readonly Stop[]): Map<NodeProto, number> {
  const first = new Map<NodeProto, number>()
  for (const [i, { values }] of stops.entries()) {
    const wanted = [...values]
    for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
      const node = graph.producer(name)
      if (!node || first.has(node)) continue
      first.set(node, i)
      wanted.push(...nodeReads(node))
    }
  }
  return first
}

/** For nodes that depend on what changes, the last stop at which it does. */
function changedBy(order: readonly NodeProto[], stops: readonly Stop[]): Map<NodeProto, number> {
  const byValue = new Map<string, number>()
  for (const [i, { changes }] of stops.entries()) for (const name of changes) byValue.set(name, i)
  const changed = new Map<NodeProto, number>()
  for (const node of order) {
    const at = Math.max(-1, ...[...nodeReads(node), ...node.output].map(name => byValue.get(name) ?? -1))
    if (at < 0) continue
    changed.set(node, at)
    for (const name of node.output) byValue.set(name, at)
  }
  return changed
}

/** Values that depend on the inputs of the model and that can leave a session. */
async function keepableOf(model: Model, order: readonly NodeProto[]): Promise<Set<string>> {
  const types = await elementTypes(model)
  const dynamic = new Set(model.graph.inputNames)
  for (const node of order) {
    if (!nodeReads(node).some(name => dynamic.has(name))) continue
    for (const name of node.output) if (name !== '') dynamic.add(name)
  }
  return new Set([...dynamic].filter(name => CARRIED.test(types.get(name)?.type ?? '')))
}
