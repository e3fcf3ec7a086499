/**
 * Numbers that a model computes from shapes and constants alone (targets of Reshape, bounds of Slice, the square root
 * of a head's width), found by running those nodes with ONNX Runtime for both sizes of `Sized`.
 */
import { toBinary } from '@bufbuild/protobuf'
import type { NodeProto, TensorProto } from 'onnx-buf'
import { ModelProtoSchema } from 'onnx-buf'
import { intAttribute, makeGraph, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { inMessage } from '../onnx/embed'
import { type Model, normalDomain } from '../onnx/model'
import { shallow } from '../onnx/shallow'
import { makeTensor, tensorCount, tensorValues } from '../onnx/tensor'
import { subgraphs } from '../onnx/walk'
import { openSession } from '../runtime/session'
import { elementCount, type Tensor } from '../runtime/tensor'
import type { Sized } from './sizes'

/** More elements than a shape, a permutation or a table of positions has. */
const LARGEST = 1 << 16
const RANDOM = /^(Random.*|Bernoulli|Multinomial)$/
const EXCHANGED = /^(float(16|32|64)|u?int(8|16|32|64)|bool)$/

/** A value for the first sizes and for the second. */
export interface Known {
  first: Tensor
  second: Tensor
}

/** Values by name. What is computed from inputs or weights is absent. */
export async function knownValues(model: Model, sized: Sized): Promise<Map<string, Known>> {
  const nodes = computable(model, sized)
  const wanted = results(model, nodes, sized)
  if (wanted.length === 0) return new Map()
  const first = await evaluate(model, nodes, wanted, sized.dims)
  const second = await evaluate(model, nodes, wanted, sized.other)
  const values = new Map<string, Known>()
  for (const name of wanted) {
    const [a, b] = [first[name], second[name]]
    if (a && b) values.set(name, { first: a, second: b })
  }
  return values
}

/**
 * A copy in which values that depend on shapes, but are the same at both sizes, are constants: a channel count read
 * from a shape would change with the channels, and 1/√d with it.
 */
export function freezeShapes(model: Model, values: ReadonlyMap<string, Known>): Model {
  const copy = copyModel(model)
  const { graph } = copy
  for (const [name, { first, second }] of values) {
    const node = graph.producer(name)
    if (!node || graph.isOutput(name) || !readsShape(copy, node) || !equal(first, second)) continue
    if (node.output.filter(Boolean).length > 1) continue
    graph.remove([node])
    graph.setInitializer(makeTensor(name, first.type, first.dims, first.data))
  }
  return copy
}

function equal(a: Tensor, b: Tensor): boolean {
  return (
    String(a.dims) === String(b.dims) &&
    Array.from<unknown>(a.data).every((value, i) => Object.is(value, b.data[i]))
  )
}

function readsShape(model: Model, node: NodeProto): boolean {
  const seen = new Set<NodeProto>()
  const waiting = [node]
  for (let at = waiting.pop(); at; at = waiting.pop()) {
    if (isShape(at)) return true
    if (seen.has(at)) continue
    seen.add(at)
    for (const name of at.input) {
      const producer = model.graph.producer(name)
      if (producer) waiting.push(producer)
    }
  }
  return false
}

function isShape(node: NodeProto): boolean {
  return normalDomain(node.domain) === '' && (node.opType === 'Shape' || node.opType === 'Size')
}

/** Nodes whose results follow from shapes and small constants, in topological order. */
function computable(model: Model, sized: Sized): Set<NodeProto> {
  const nodes = new Set<NodeProto>()
  const inputs = new Set(model.graph.proto.input.map(v => v.name))
  const follows = (name: string) => {
    const producer = model.graph.producer(name)
    if (producer) return nodes.has(producer)
    const tensor = model.graph.initializer(name)
    return tensor !== undefined && !inputs.has(name) && tensorCount(tensor) <= LARGEST
  }
  for (const node of model.graph.topological()) {
    const read = node.input.filter(name => name !== '')
    if (subgraphs(node).length > 0 || RANDOM.test(node.opType) || normalDomain(node.domain) !== '') continue
    if (node.opType === 'Constant') continue
    const given = isShape(node)
      ? sized.dims.has(read[0] ?? '') && sized.other.has(read[0] ?? '')
      : read.length > 0 && read.every(follows)
    if (given && node.output.every(name => name === '' || readable(name, sized))) nodes.add(node)
  }
  return nodes
}

function readable(name: string, sized: Sized): boolean {
  const shape = sized.dims.get(name)
  const type = sized.types.get(name)?.type ?? ''
  return shape !== undefined && EXCHANGED.test(type) && elementCount([...shape]) <= LARGEST
}

/** What other nodes read of the results, and every integer: a shape may be told to a node that is computed as well. */
function results(model: Model, nodes: ReadonlySet<NodeProto>, sized: Sized): string[] {
  return [...nodes].flatMap(node =>
    node.output.filter(
      name =>
        name !== '' &&
        (/^u?int/.test(sized.types.get(name)?.type ?? '') ||
          model.graph.uses(name).some(use => !nodes.has(use.node))),
    ),
  )
}

async function evaluate(
  model: Model,
  nodes: ReadonlySet<NodeProto>,
  wanted: readonly string[],
  dims: ReadonlyMap<string, readonly number[]>,
): Promise<Record<string, Tensor>> {
  const constants = new Map<string, TensorProto>()
  const run: NodeProto[] = []
  for (const node of nodes) {
    if (isShape(node)) {
      const output = node.output[0] ?? ''
      constants.set(output, shapeTensor(node, output, dims.get(node.input[0] ?? '') ?? []))
      continue
    }
    run.push(node)
    for (const name of node.input) {
      const tensor = model.graph.initializer(name)
      if (tensor) constants.set(name, inMessage(tensor, model.directory))
    }
  }
  const made = new Set(run.flatMap(node => node.output))
  const fetched = wanted.filter(name => made.has(name))
  const given: Record<string, Tensor> = {}
  for (const name of wanted) {
    const tensor = made.has(name) ? undefined : constants.get(name)
    if (tensor) given[name] = tensorValues(tensor, null)
  }
  if (fetched.length === 0) return given
  const proto = shallow(model.proto)
  proto.metadataProps = []
  proto.trainingInfo = []
  const outputs = fetched.map(name => {
    const value = makeValue(name, 'float32', null)
    Reflect.deleteProperty(value, 'type')
    return value
  })
  proto.graph = makeGraph({ nodes: run, inputs: [], outputs, initializers: [...constants.values()] })
  const session = await openSession(toBinary(ModelProtoSchema, proto), {
    optimization: 'disabled',
    threads: 1,
  })
  try {
    return { ...given, ...(await session.run({})) }
  } finally {
    await session.close()
  }
}

function shapeTensor(node: NodeProto, name: string, shape: readonly number[]): TensorProto {
  if (node.opType === 'Size') return makeTensor(name, 'int64', [], [elementCount([...shape])])
  const taken = shape.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', shape.length))
  return makeTensor(name, 'int64', [taken.length], taken)
}
