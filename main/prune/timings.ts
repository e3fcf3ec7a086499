/** Where the time of a model goes, by the nodes of its graph: what a group that goes could free. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeProto } from 'onnx-buf'
import type { TaskContext } from '../jobs/context'
import { profileModel } from '../measure/profile'
import type { Model } from '../onnx/model'
import { writeModel } from '../onnx/write'

/**
 * Milliseconds of each node, batch 1 on one thread, from ONNX Runtime's profile: a kernel that ORT made of several nodes
 * counts for the one that it is named after. Empty where the model cannot be profiled.
 */
export async function nodeTimes(model: Model, context: TaskContext): Promise<Map<NodeProto, number>> {
  const folder = await mkdtemp(join(context.tempDir, 'times-'))
  const times = new Map<NodeProto, number>()
  try {
    const file = join(folder, 'model.onnx')
    await writeModel(model, file)
    const profile = await profileModel({ model: file, hash: '', batch: 1, threads: 1 }, context)
    const find = kernelFinder(model)
    for (const { name, op, us } of profile.nodes) {
      const own = find(name, op)
      if (own) times.set(own, (times.get(own) ?? 0) + us / 1000)
    }
  } catch (error) {
    if (context.signal.aborted) throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return times
}

/** Nodes between a fused kernel's result and the node that does its work. */
const FUSED_AFTER = 4

/**
 * The node that a kernel is of: ORT keeps a node's name, adds to it, or names a kernel after the value it gives, which
 * may be that of an activation fused into it.
 */
export function kernelFinder(model: Model): (name: string, op: string) => NodeProto | undefined {
  const { graph } = model
  const byName = new Map(graph.nodes.flatMap(node => (node.name ? [[node.name, node] as const] : [])))
  const names = [...byName.keys()].sort((a, b) => b.length - a.length)
  return (kernel, op) => {
    const name = kernel.replace(/^fused /, '').replace(/_nchwc$/, '')
    const kind = op.replace(/^Fused/, '')
    let at = byName.get(name) ?? graph.producer(name) ?? byName.get(names.find(n => name.startsWith(n)) ?? '')
    const first = at
    for (let step = 0; at && at.opType !== kind && step < FUSED_AFTER; step++)
      at = at.input.map(input => graph.producer(input)).find(node => node !== undefined)
    return at ?? first
  }
}
