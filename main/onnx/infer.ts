/**
 * Types and shapes of every value, as ONNX Runtime infers them: each value is added to the graph's outputs without a
 * type, a session is created, and its output metadata is read. Nothing is ever run, and no weight is copied (see
 * `skeleton`). Values inside subgraphs are not inferred.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import type { GraphProto, ModelProto, TensorProto, ValueInfoProto } from 'onnx-buf'
import { ModelProtoSchema, ValueInfoProtoSchema } from 'onnx-buf'
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { openSession } from '../runtime/session'
import { makeNode, makeValue } from './build'
import { foreignDomains, withoutForeign } from './foreign'
import { hiddenBehind, hiddenValues, revealed } from './hidden'
import type { Model } from './model'
import { shallow } from './shallow'
import { skeleton } from './skeleton'
import { dataTypeName, tensorDims } from './tensor'

export type Types = Map<string, TensorInfo>

export interface Inference {
  types: Types
  /** ORT's words when it refused the model; `types` then holds what could be found out nevertheless. */
  refused: string | null
}

/**
 * Every value's type and shape: inputs, initializers, node outputs. Symbolic dimensions keep their names ('' when they
 * have none); a value whose type or rank ORT cannot infer is absent. Operators ORT does not have are cut out, and what
 * the file declares of their results is believed; when ORT refuses all the same, only that is returned.
 */
export async function inferTypes(model: Model): Promise<Types> {
  return (await inferModel(model)).types
}

/** As `inferTypes`, telling whether ORT refused. */
export async function inferModel(model: Model): Promise<Inference> {
  const types = declaredTypes(model)
  const refused = await addInferred(types, model, skeleton(model))
  const domains = refused === null ? [] : foreignDomains(model)
  if (domains.length > 0) await addInferred(types, model, withoutForeign(skeleton(model), domains))
  return { types, refused }
}

/** Adds what ORT infers; returns its words when it refuses. */
async function addInferred(types: Types, model: Model, proto: ModelProto): Promise<string | null> {
  try {
    keepOwn(types, model, await inferred(proto, 'disabled'))
    return null
  } catch (error) {
    if (!(error instanceof BantamError)) throw error
    // That the Node binding cannot show a value is no fault of the model: what it declares stands.
    return error.code === 'unsupported' ? null : error.message
  }
}

/** Adds the values that the model itself has, not those made to infer them. */
function keepOwn(types: Types, model: Model, values: readonly TensorInfo[]): void {
  const { input, node } = model.graph.proto
  const own = new Set([...input.map(v => v.name), ...node.flatMap(n => n.output)])
  for (const value of values) if (own.has(value.name)) types.set(value.name, value)
}

/**
 * As `inferTypes`, with the graph's inputs given the shapes in `shapes` first. With every dimension known ORT folds
 * what exporters compute from shapes, so that hardly a value stays without one. Returns null when ORT refuses.
 */
export async function inferWithShapes(
  model: Model,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<Types | null> {
  const proto = skeleton(model)
  if (!proto.graph) return null
  const graph = shallow(proto.graph)
  graph.input = graph.input.map(value => withShape(value, shapes.get(value.name)))
  // Declared shapes would contradict the fixed ones.
  graph.valueInfo = []
  graph.output = graph.output.map(value => create(ValueInfoProtoSchema, { name: value.name }))
  proto.graph = graph
  try {
    const domains = foreignDomains(model)
    const found = await inferred(domains.length > 0 ? withoutForeign(proto, domains) : proto, 'basic')
    const types = declaredTypes(model)
    // What the file declares of computed values is not for these sizes.
    for (const name of model.graph.nodes.flatMap(node => node.output)) types.delete(name)
    keepOwn(types, model, found)
    return types
  } catch (error) {
    if (error instanceof BantamError) return null
    throw error
  }
}

function withShape(value: ValueInfoProto, shape: readonly number[] | undefined): ValueInfoProto {
  const type = value.type?.value
  if (!shape || type?.case !== 'tensorType') return value
  return makeValue(value.name, dataTypeName(type.value.elemType), shape)
}

/** What ORT infers for the inputs and all node outputs of the model's graph. Throws `bad-model` when it refuses. */
async function inferred(proto: ModelProto, optimization: 'disabled' | 'basic'): Promise<TensorInfo[]> {
  try {
    return await inferredExcept(proto, optimization, new Map())
  } catch (error) {
    if (!(error instanceof BantamError) || error.code !== 'unsupported') throw error
    const hidden = hiddenValues(proto)
    const values = await inferredExcept(revealed(proto, hidden), optimization, hidden)
    return values.map(value => {
      const name = hiddenBehind(value.name)
      return name === undefined ? value : { ...value, name, type: hidden.get(name) ?? value.type }
    })
  }
}

/** As `inferred`, for all values but those in `hidden`. */
async function inferredExcept(
  proto: ModelProto,
  optimization: 'disabled' | 'basic',
  hidden: ReadonlyMap<string, string>,
): Promise<TensorInfo[]> {
  if (!proto.graph) return []
  const declared = new Set(proto.graph.output.map(v => v.name))
  const produced = new Set(proto.graph.node.flatMap(node => node.output))
  const wanted = [...produced].filter(name => name !== '' && !declared.has(name) && !hidden.has(name))
  const inputs = proto.graph.input.flatMap(value => valueTensorInfo(value) ?? [])
  const outputs = await exposed(proto, wanted, optimization)
  const values = outputs.filter(value => value.type !== 'sequence')
  const bare = values.filter(v => v.shape.length === 0).map(v => v.name)
  const scalars = bare.length > 0 ? await scalarsAmong(proto, bare, optimization) : new Set()
  return [...inputs, ...values.filter(v => v.shape.length > 0 || scalars.has(v.name))]
}

async function exposed(
  proto: ModelProto,
  names: readonly string[],
  optimization: 'disabled' | 'basic',
): Promise<TensorInfo[]> {
  const copy = shallow(proto)
  const graph = shallow(proto.graph as GraphProto)
  graph.output = [...graph.output, ...names.map(name => create(ValueInfoProtoSchema, { name }))]
  copy.graph = graph
  const session = await openSession(toBinary(ModelProtoSchema, copy), { optimization, threads: 1 })
  await session.close()
  return session.outputs
}

/**
 * ORT reports [] for a scalar and for a value of unknown rank alike. The inferred type of Shape(value) tells them
 * apart: [0] for a scalar, an unknown length otherwise.
 */
async function scalarsAmong(
  proto: ModelProto,
  names: readonly string[],
  optimization: 'disabled' | 'basic',
): Promise<Set<string>> {
  const suffix = '/bantam.shape'
  const copy = shallow(proto)
  const graph = shallow(proto.graph as GraphProto)
  graph.node = [...graph.node, ...names.map(name => makeNode('Shape', [name], [name + suffix]))]
  copy.graph = graph
  const shapes = await exposed(
    copy,
    names.map(name => name + suffix),
    optimization,
  )
  const scalar = shapes.filter(value => value.name.endsWith(suffix) && value.shape[0] === 0)
  return new Set(scalar.map(value => value.name.slice(0, -suffix.length)))
}

/** What the file says: inputs, outputs, value_info and initializers. */
export function declaredTypes(model: Model): Types {
  const types: Types = new Map()
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
