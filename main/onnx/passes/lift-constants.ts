/**
 * Makes initializers of Constant nodes, so that every constant has one form. Below IR version 4 initializers had to be
 * listed as inputs without being meant as such: they are taken out of the inputs, and the version becomes 4.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { attribute } from '../build'
import { copyModel } from '../copy'
import type { Model } from '../model'
import { shallow } from '../shallow'
import { makeTensor } from '../tensor'
import { counted, done, type Pass, type PassResult } from './pass'

export const liftConstants: Pass = { id: 'lift-constants', run: lift }

function lift(source: Model): PassResult {
  const old = source.proto.irVersion < 4n
  const liftable = source.graph.nodes.some(node => constantOfNode(node))
  if (!liftable && !old) return { model: source, modified: false, notes: [] }
  const model = copyModel(source)
  const { graph } = model
  if (old) {
    graph.proto.input = graph.proto.input.filter(v => !graph.initializer(v.name))
    model.proto.irVersion = 4n
  }
  const constants = graph.nodes.filter(node => constantOfNode(node) && !graph.isOutput(node.output[0] ?? ''))
  for (const node of constants) {
    const tensor = constantOfNode(node)
    if (!tensor) continue
    const named = shallow(tensor)
    named.name = node.output[0] ?? ''
    graph.setInitializer(named)
  }
  graph.remove(constants)
  if (constants.length === 0 && !old) return { model: source, modified: false, notes: [] }
  const note = done('lifted-constants', `${counted(constants.length, 'Constant node')} became initializers.`)
  return { model, modified: true, notes: constants.length > 0 ? [note] : [] }
}

/** The tensor a Constant node makes; undefined for other nodes, strings and sparse tensors. */
export function constantOfNode(node: NodeProto): TensorProto | undefined {
  if (node.opType !== 'Constant' || node.domain !== '') return undefined
  const name = node.output[0] ?? ''
  const found = (key: string) => attribute(node, key)
  const value = found('value')?.t
  if (value) return value
  const float = found('value_float')
  if (float) return makeTensor(name, 'float32', [], [float.f])
  const floats = found('value_floats')
  if (floats) return makeTensor(name, 'float32', [floats.floats.length], floats.floats)
  const int = found('value_int')
  if (int) return makeTensor(name, 'int64', [], [int.i])
  const ints = found('value_ints')
  if (ints) return makeTensor(name, 'int64', [ints.ints.length], ints.ints)
  return undefined
}
