/** The part of a model between some of its values and others, as a model of its own. */
import { create } from '@bufbuild/protobuf'
import type { GraphProto, NodeProto } from 'onnx-buf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { makeValue } from './build'
import { nodeReads } from './graph'
import { Model } from './model'
import { shallow } from './shallow'

/** A value where a model can be cut. `shape` null: its rank is not known. */
export interface Edge {
  name: string
  type: string
  shape: (number | string)[] | null
}

/** Types that values between parts can have. */
export const CARRIED = /^(float32|float16|float64|u?int(8|16|32|64)|bool)$/

/** What runs from `begin` to `outputs`. Its nodes are those of the model: copy it before an edit. */
export function cut(model: Model, begin: readonly Edge[], outputs: readonly string[]): Model {
  const { graph } = model
  const given = new Set(begin.map(edge => edge.name))
  const wanted = [...outputs]
  const seen = new Set<string>()
  const kept = new Set<NodeProto>()
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (given.has(name) || seen.has(name)) continue
    seen.add(name)
    const node = graph.producer(name)
    if (!node || kept.has(node)) continue
    kept.add(node)
    wanted.push(...nodeReads(node))
  }
  const proto = shallow(model.proto)
  const part: GraphProto = shallow(graph.proto)
  part.node = graph.nodes.filter(node => kept.has(node))
  part.initializer = graph.proto.initializer.filter(tensor => seen.has(tensor.name))
  part.sparseInitializer = graph.proto.sparseInitializer.filter(t => seen.has(t.values?.name ?? ''))
  const own = graph.proto.input.filter(value => seen.has(value.name) || given.has(value.name))
  const known = new Set(own.map(value => value.name))
  part.input = [
    ...own,
    ...begin.filter(edge => !known.has(edge.name)).map(edge => makeValue(edge.name, edge.type, edge.shape)),
  ]
  part.output = outputs.map(
    name => graph.proto.output.find(value => value.name === name) ?? create(ValueInfoProtoSchema, { name }),
  )
  part.valueInfo = graph.proto.valueInfo.filter(value => seen.has(value.name))
  proto.graph = part
  return new Model(proto, model.directory)
}
