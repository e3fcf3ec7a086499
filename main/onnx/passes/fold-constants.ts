/**
 * Computes what depends on constants alone, with ONNX Runtime itself, and what asks for a shape that is fixed. A result
 * is kept only where the file does not grow by it: up to 1 kB, or no more than the constants it makes needless.
 * Quantized weights stay as they are (QuantizeLinear, DequantizeLinear), and so does everything random.
 */
import { toBinary } from '@bufbuild/protobuf'
import type { NodeProto } from 'onnx-buf'
import { ModelProtoSchema } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { openSession } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import { elementCount } from '../../runtime/tensor'
import { attribute, makeGraph, makeValue } from '../build'
import { copyModel } from '../copy'
import { inMessage } from '../embed'
import { inferTypes, type Types } from '../infer'
import type { Model } from '../model'
import { shallow } from '../shallow'
import { dataTypeOf, elementBits, makeTensor, tensorByteLength } from '../tensor'
import { subgraphs } from '../walk'
import { constantOf, counted, declined, done, type Pass, type PassResult } from './pass'

export const foldConstants: Pass = { id: 'fold-constants', run: fold }

/** A result of this size is always kept: a shape, an axis, a scalar. */
const FREE_BYTES = 1024
/** Weights above this are not computed on: they would have to be in memory several times. */
const LARGEST_BYTES = 64 << 20

const RANDOM = /^(Random.*|Bernoulli|Multinomial|Dropout)$/
const KEPT = /^(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|Constant|BitCast)$/
/** Types whose results can be read and written. */
const EXCHANGED = /^(float(16|32|64)|u?int(8|16|32|64)|bool)$/

async function fold(source: Model): Promise<PassResult> {
  const types = await inferTypes(source)
  const folded = shapesOf(source, types)
  const { nodes, frontier, notes } = chooseNodes(source, types)
  let values: Record<string, Tensor> = {}
  if (frontier.length > 0) {
    try {
      values = await evaluate(source, nodes, frontier)
    } catch (error) {
      if (!(error instanceof BantamError)) throw error
      notes.push({
        code: 'fold-refused',
        severity: 'info',
        message: `Constants were not folded: ${error.message}`,
      })
    }
  }
  for (const [name, tensor] of Object.entries(values)) folded.set(name, tensor)
  if (folded.size === 0) return { model: source, modified: false, notes }
  const model = copyModel(source)
  const gone = new Set<NodeProto>()
  for (const name of folded.keys()) {
    const node = model.graph.producer(name)
    if (node && [...node.output].every(output => output === '' || folded.has(output))) gone.add(node)
  }
  for (const node of gone) {
    model.graph.remove([node])
    for (const name of node.output) {
      const tensor = folded.get(name)
      if (tensor) model.graph.setInitializer(makeTensor(name, tensor.type, tensor.dims, tensor.data))
    }
  }
  if (gone.size === 0) return { model: source, modified: false, notes }
  notes.push(done('folded-constants', `${counted(gone.size, 'node')} became constants.`))
  return { model, modified: true, notes }
}

/** Results of Shape and Size nodes whose input has a fixed shape. */
function shapesOf(model: Model, types: Types): Map<string, Tensor> {
  const found = new Map<string, Tensor>()
  for (const node of model.graph.nodes) {
    const output = node.output[0] ?? ''
    const dims = types.get(node.input[0] ?? '')?.shape
    if (node.domain !== '' || model.graph.isOutput(output)) continue
    if (!dims?.every((d): d is number => typeof d === 'number' && d >= 0)) continue
    if (node.opType === 'Size') {
      found.set(output, { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(elementCount(dims))) })
    }
    if (node.opType === 'Shape') {
      const part = dims.slice(
        position(node, 'start', 0, dims.length),
        position(node, 'end', dims.length, dims.length),
      )
      found.set(output, { type: 'int64', dims: [part.length], data: BigInt64Array.from(part, BigInt) })
    }
  }
  return found
}

/** Shape's start and end: negative ones count from the back, all are clamped to the rank. */
function position(node: NodeProto, name: string, fallback: number, rank: number): number {
  const value = Number(attribute(node, name)?.i ?? fallback)
  return Math.min(rank, Math.max(0, value < 0 ? value + rank : value))
}

/**
 * Nodes to compute and the values others read of them (the frontier). A node is left where one of its results would
 * make the file grow; what only it needs is then not computed either.
 */
function chooseNodes(model: Model, types: Types): { nodes: NodeProto[]; frontier: string[]; notes: Note[] } {
  const notes: Note[] = []
  const candidates = new Set<NodeProto>()
  const constant = (name: string) => {
    const producer = model.graph.producer(name)
    return producer ? candidates.has(producer) : constantOf(model, name) !== undefined
  }
  for (const node of model.graph.topological()) {
    const inputs = node.input.filter(name => name !== '')
    if (inputs.length === 0 && node.opType !== 'ConstantOfShape') continue
    if (RANDOM.test(node.opType) || KEPT.test(node.opType) || subgraphs(node).length > 0) continue
    if (!inputs.every(constant) || !node.output.every(name => name === '' || readable(name, types))) continue
    // An output must be made by a node.
    if (!node.output.some(name => model.graph.isOutput(name))) candidates.add(node)
  }
  for (let again = true; again; ) {
    again = false
    for (const node of candidates) {
      const outer = frontierOf(model, node, candidates)
      const bytes = outer.reduce((sum, name) => sum + bytesOf(name, types), 0)
      if (bytes <= FREE_BYTES) continue
      const released = releasedBytes(model, node, candidates)
      if (bytes <= LARGEST_BYTES && bytes <= released) continue
      const reason = bytes > LARGEST_BYTES ? 'it is too large to be computed here.' : 'the file would grow.'
      notes.push(declined('not-folded', node, reason))
      candidates.delete(node)
      again = true
    }
  }
  const nodes = model.graph.nodes.filter(node => candidates.has(node))
  return { nodes, frontier: nodes.flatMap(node => frontierOf(model, node, candidates)), notes }
}

function readable(name: string, types: Types): boolean {
  const info = types.get(name)
  return (
    info !== undefined && EXCHANGED.test(info.type) && info.shape.every(d => typeof d === 'number' && d >= 0)
  )
}

function bytesOf(name: string, types: Types): number {
  const info = types.get(name)
  if (!info) return Number.POSITIVE_INFINITY
  const bits = elementBits(dataTypeOf(info.type)) ?? Number.POSITIVE_INFINITY
  return (elementCount(info.shape.map(Number)) * bits) / 8
}

/** Outputs of the node that something else than a candidate reads; none when a graph output shows one of them. */
function frontierOf(model: Model, node: NodeProto, candidates: ReadonlySet<NodeProto>): string[] {
  return node.output.filter(
    name =>
      name !== '' &&
      (model.graph.isOutput(name) || model.graph.uses(name).some(use => !candidates.has(use.node))),
  )
}

/** Bytes of the constants that nothing but the candidates leading to this node reads. */
function releasedBytes(model: Model, node: NodeProto, candidates: ReadonlySet<NodeProto>): number {
  let bytes = 0
  const seen = new Set<string>()
  const visit = (at: NodeProto) => {
    for (const name of at.input) {
      if (name === '' || seen.has(name)) continue
      seen.add(name)
      const producer = model.graph.producer(name)
      const alone = model.graph.uses(name).every(use => use.node === at) && !model.graph.isOutput(name)
      if (!alone) continue
      if (producer && candidates.has(producer)) visit(producer)
      else {
        const tensor = constantOf(model, name)
        if (tensor) bytes += tensorByteLength(tensor)
      }
    }
  }
  visit(node)
  return bytes
}

/** Runs the nodes on their constants. Throws `bad-model` when ORT refuses. */
async function evaluate(
  model: Model,
  nodes: readonly NodeProto[],
  frontier: readonly string[],
): Promise<Record<string, Tensor>> {
  const read = new Set(nodes.flatMap(node => node.input))
  const constants = [...model.graph.initializers()].filter(t => read.has(t.name))
  const proto = shallow(model.proto)
  proto.metadataProps = []
  proto.trainingInfo = []
  const outputs = frontier.map(name => {
    const value = makeValue(name, 'float32', null)
    Reflect.deleteProperty(value, 'type')
    return value
  })
  proto.graph = makeGraph({
    nodes: [...nodes],
    inputs: [],
    outputs,
    initializers: constants.map(t => inMessage(t, model.directory)),
  })
  const session = await openSession(toBinary(ModelProtoSchema, proto), {
    optimization: 'disabled',
    threads: 1,
  })
  try {
    return await session.run({})
  } finally {
    await session.close()
  }
}
