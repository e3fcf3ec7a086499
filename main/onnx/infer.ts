/**
 * Types and shapes of every value, as ONNX Runtime infers them: each value is added to the graph's outputs without a
 * type, a session is created with optimization off, and its output metadata is read. Nothing is ever run.
 * Values inside subgraphs are not inferred.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import type { ModelProto, TensorProto, ValueInfoProto } from 'onnx-buf'
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf'
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { openSession } from '../runtime/session'
import { makeValue } from './build'
import type { Model } from './model'
import { dataTypeName, tensorByteLength, tensorDims } from './tensor'

/** Constants above this do not shape anything (shapes, axes and sizes are short), so ORT need not see their values. */
const CONSTANT_LIMIT = 4096

/**
 * Every value's type and shape: inputs, initializers, node outputs. Symbolic dimensions keep their names; what ORT
 * cannot infer is absent. When ORT refuses the model with its values exposed, what the file itself declares is
 * returned.
 */
export async function inferTypes(model: Model): Promise<Map<string, TensorInfo>> {
  const known = declaredTypes(model)
  const declared = new Set(model.graph.outputNames)
  const wanted = [...new Set(model.graph.nodes.flatMap(node => node.output))].filter(
    name => name !== '' && !declared.has(name),
  )
  const skeleton = withoutLargeTensors(model)
  const graph = skeleton.graph
  if (!graph) return known
  graph.output = [...graph.output, ...wanted.map(name => create(ValueInfoProtoSchema, { name }))]
  try {
    const session = await openSession(
      toBinary(ModelProtoSchema, skeleton),
      { optimization: 'disabled', threads: 1 },
      model.directory ?? undefined,
    )
    for (const value of [...session.inputs, ...session.outputs]) {
      if (value.type !== 'sequence') known.set(value.name, value)
    }
    await session.close()
  } catch (error) {
    if (!(error instanceof BantamError)) throw error
  }
  return known
}

/** What the file says: inputs, outputs, value_info and initializers. */
export function declaredTypes(model: Model): Map<string, TensorInfo> {
  const types = new Map<string, TensorInfo>()
  const { input, output, valueInfo, initializer } = model.graph.proto
  for (const value of [...input, ...output, ...valueInfo]) {
    const info = valueTensorInfo(value)
    if (info) types.set(value.name, info)
  }
  for (const tensor of initializer) types.set(tensor.name, initializerInfo(tensor))
  return types
}

function initializerInfo(tensor: TensorProto): TensorInfo {
  return { name: tensor.name, type: dataTypeName(tensor.dataType), shape: tensorDims(tensor) }
}

/** A declared tensor value as data; undefined when it is no tensor or has no rank. */
export function valueTensorInfo(value: ValueInfoProto): TensorInfo | undefined {
  const type = value.type?.value
  if (type?.case !== 'tensorType' || !type.value.shape) return undefined
  const shape = type.value.shape.dim.map(d =>
    d.value.case === 'dimValue' ? Number(d.value.value) : (d.value.value ?? ''),
  )
  return { name: value.name, type: dataTypeName(type.value.elemType), shape }
}

/** The model with every large initializer turned into an input of its type and shape: no weight is copied. */
function withoutLargeTensors(model: Model): ModelProto {
  const { proto } = model
  const graph = shallow(model.graph.proto)
  const large = graph.initializer.filter(t => tensorByteLength(t) > CONSTANT_LIMIT)
  const names = new Set(large.map(t => t.name))
  graph.initializer = graph.initializer.filter(t => !names.has(t.name))
  graph.input = [
    ...graph.input.filter(v => !names.has(v.name)),
    ...large.map(t => makeValue(t.name, dataTypeName(t.dataType), tensorDims(t))),
  ]
  const copy = shallow(proto)
  copy.graph = graph
  return copy
}

/** A copy of the message that shares every field. */
function shallow<T extends object>(message: T): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message)
}
