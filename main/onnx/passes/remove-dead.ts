/** Removes nodes that no output depends on, and initializers and declarations nothing reads. */
import type { NodeProto } from 'onnx-buf'
import { copyModel } from '../copy'
import { nodeReads } from '../graph'
import type { Model } from '../model'
import { counted, done, type Pass, type PassResult } from './pass'

export const removeDead: Pass = { id: 'remove-dead', run: remove }

function remove(source: Model): PassResult {
  const live = liveNodes(source)
  const dead = source.graph.nodes.filter(node => !live.has(node)).length
  const unread = [...source.graph.initializers()].some(
    t =>
      !source.graph.isInput(t.name) &&
      !source.graph.isOutput(t.name) &&
      source.graph.uses(t.name).every(use => !live.has(use.node)),
  )
  if (dead === 0 && !unread) return { model: source, modified: false, notes: [] }
  const model = copyModel(source)
  const kept = liveNodes(model)
  model.graph.remove(model.graph.nodes.filter(node => !kept.has(node)))
  const inputs = new Set(model.graph.proto.input.map(v => v.name))
  const unused = [...model.graph.initializers()]
    .map(t => t.name)
    .filter(name => !inputs.has(name) && model.graph.uses(name).length === 0 && !model.graph.isOutput(name))
  if (unused.length > 0) removeInitializers(model, new Set(unused))
  forgetDeclarations(model)
  const notes = []
  if (dead > 0) notes.push(done('removed-dead', `${counted(dead, 'node')} that no output needs went away.`))
  if (unused.length > 0) {
    notes.push(done('removed-unused', `${counted(unused.length, 'weight')} that nothing reads went away.`))
  }
  return { model, modified: true, notes }
}

function liveNodes(model: Model): Set<NodeProto> {
  const live = new Set<NodeProto>()
  const waiting = [...model.graph.outputNames]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const node = model.graph.producer(name)
    if (!node || live.has(node)) continue
    live.add(node)
    waiting.push(...nodeReads(node))
  }
  return live
}

/** `Graph.removeUnusedInitializers` would take those that are inputs as well, and with them the input. */
function removeInitializers(model: Model, names: ReadonlySet<string>): void {
  const { graph } = model
  const replaceable = graph.proto.input.filter(
    v => graph.initializer(v.name) && graph.uses(v.name).length === 0,
  )
  if (replaceable.length === 0) {
    graph.removeUnusedInitializers()
    return
  }
  const tensors = replaceable.flatMap(v => graph.initializer(v.name) ?? [])
  const order = graph.proto.input
  graph.removeUnusedInitializers()
  graph.proto.input = order.filter(v => !names.has(v.name))
  for (const tensor of tensors) graph.setInitializer(tensor)
}

/** value_info and quantization annotations of values that are gone. */
function forgetDeclarations(model: Model): void {
  const { proto } = model.graph
  const known = new Set([
    ...proto.input.map(v => v.name),
    ...proto.initializer.map(t => t.name),
    ...proto.node.flatMap(n => n.output),
  ])
  proto.valueInfo = proto.valueInfo.filter(v => known.has(v.name))
  proto.quantizationAnnotation = proto.quantizationAnnotation.filter(a => known.has(a.tensorName))
}
