/**
 * The weights that count when single weights are pruned: matrices and kernels of convolutions, matrix products and
 * recurrent layers, each once. Biases, normalizations and tables of embeddings do not.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import type { PruneDeclined } from '../../shared/prune'
import { intAttribute, intsAttribute } from '../onnx/build'
import { describeNode, type Graph } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { normalDomain } from '../onnx/model'
import { liftConstants } from '../onnx/passes/lift-constants'
import { dataTypeName, tensorDims } from '../onnx/tensor'
import { subgraphs } from '../onnx/walk'
import { operatorKey } from '../operators'
import { nodeLabel } from '../quantize/names'
import { namedBy } from './named'

/** What a weight is multiplied with, and which of its axes tell one input feature from another. */
export interface Source {
  value: string
  /** Axes of the value that make the number of the feature; the others are summed over. */
  keep: readonly number[]
  /** Of the value; null where it ends in the features and is seen as [anything, features]. */
  rank: number | null
}

/** A weight, seen as an array of which one axis is summed over. */
export interface PrunableWeight {
  name: string
  nodes: NodeProto[]
  /** Of the initializer, an axis split in two where a convolution has groups. */
  dims: readonly number[]
  /** Axis of the inputs that are summed over. */
  input: number
  /** Axes that tell one output from another. */
  outputs: readonly number[]
  /** Axes that make the number of the input feature, in the order of `Source.keep`. */
  features: readonly number[]
  /** One for every reader; empty where none can be told. */
  sources: Source[]
}

export interface FoundWeights {
  /** With Constant nodes as initializers. */
  model: Model
  weights: PrunableWeight[]
  declined: PruneDeclined[]
}

const QUANTIZED = /^(QLinear|Quantize|Dequantize|DynamicQuantize)|Integer$|NBits$/

/** Throws `unsupported` for a quantized model: its weights are no numbers to compare. */
export function refuseQuantized(model: Model): void {
  const node = model.graph.nodes.find(n => QUANTIZED.test(n.opType))
  if (!node) return
  throw new BantamError(
    'unsupported',
    'The model is quantized: prune the float model, and quantize the result.',
    {
      where: operatorKey(node.opType, node.domain),
      action: 'Start from the float model instead.',
    },
  )
}

/**
 * Finds them, in the order of the graph. Throws `unsupported` where there are none or the model is quantized, and
 * `bad-option` for an exclusion that names nothing.
 */
export async function findWeights(source: Model, exclude: readonly string[]): Promise<FoundWeights> {
  refuseQuantized(source)
  const { model } = await liftConstants.run(source)
  const found = new Map<string, PrunableWeight>()
  const declined: PruneDeclined[] = []
  for (const node of model.graph.nodes) {
    for (const index of places(node)) {
      const seen = weightAt(model.graph, node, index)
      if (!seen) continue
      const reason = refusal(model.graph, seen.tensor)
      const known = found.get(seen.view.name)
      if (reason) declined.push({ id: seen.view.name, reason, node: nodeLabel(node) })
      else if (known) merge(known, seen.view)
      else found.set(seen.view.name, seen.view)
    }
  }
  const all = [...found.values()]
  const left = namedBy(exclude, all, weightNames)
  for (const weight of left) declined.push({ id: weight.name, reason: 'excluded', ...nodeOf(weight) })
  const weights = all.filter(weight => !left.has(weight))
  if (weights.length === 0) throw nothing(model, declined)
  return { model, weights, declined: unique(declined) }
}

/** Names people may call a weight by: its own, and those of its readers and their results. */
function weightNames({ name, nodes }: PrunableWeight): string[] {
  return [name, ...nodes.flatMap(node => [nodeLabel(node), describeNode(node), ...node.output])]
}

function nodeOf({ nodes: [node] }: PrunableWeight): { node?: string } {
  return node ? { node: nodeLabel(node) } : {}
}

function nothing({ graph }: Model, declined: readonly PruneDeclined[]): BantamError {
  const [first] = declined
  const holder = graph.nodes.find(node => subgraphs(node).length > 0)
  return new BantamError('unsupported', 'The model has no weights that can be pruned.', {
    ...(holder ? { where: describeNode(holder) } : {}),
    action: first
      ? `${first.id} stays: ${first.reason}.`
      : holder
        ? 'Its layers lie in subgraphs, which are left alone. Export it without control flow.'
        : 'Matrices and kernels of convolutions, matrix products and recurrent layers count, where they are constant float32 or float16.',
  })
}

function unique(declined: PruneDeclined[]): PruneDeclined[] {
  return [...new Map(declined.map(d => [d.id, d])).values()]
}

/** Input positions at which an operator takes weights. */
function places(node: NodeProto): readonly number[] {
  if (normalDomain(node.domain) !== '') return []
  switch (node.opType) {
    case 'Conv':
    case 'ConvTranspose':
      return [1]
    case 'MatMul':
    case 'Gemm':
      return [1, 0]
    case 'LSTM':
    case 'GRU':
    case 'RNN':
      return [1, 2]
    default:
      return []
  }
}

/** The initializer behind an input, through one Transpose of a matrix. */
export function constantBehind(
  graph: Graph,
  name: string,
): { tensor: TensorProto; transposed: boolean } | undefined {
  const own = graph.initializer(name)
  if (own) return { tensor: own, transposed: false }
  const move = graph.producer(name)
  if (move?.opType !== 'Transpose' || normalDomain(move.domain) !== '') return undefined
  const tensor = graph.initializer(move.input[0] ?? '')
  const perm = intsAttribute(move, 'perm') ?? [1, 0]
  return tensor?.dims.length === 2 && perm[0] === 1 ? { tensor, transposed: true } : undefined
}

function weightAt(
  graph: Graph,
  node: NodeProto,
  index: number,
): { tensor: TensorProto; view: PrunableWeight } | undefined {
  const behind = constantBehind(graph, node.input[index] ?? '')
  if (!behind || behind.tensor.dims.length < 2) return undefined
  const { tensor, transposed } = behind
  if (!/^float(32|16)$/.test(dataTypeName(tensor.dataType))) return undefined
  const view = viewOf(node, index, tensorDims(tensor), transposed)
  return view && { tensor, view: { name: tensor.name, nodes: [node], ...view } }
}

type View = Omit<PrunableWeight, 'name' | 'nodes'>

function viewOf(node: NodeProto, index: number, dims: number[], transposed: boolean): View | undefined {
  switch (node.opType) {
    case 'Conv':
      return convolution(node, dims)
    case 'ConvTranspose':
      return deconvolution(node, dims)
    case 'MatMul':
    case 'Gemm':
      return product(node, index, dims, transposed)
    default:
      return recurrent(node, index, dims)
  }
}

/** [O, I/g, taps…] as [g, O/g, I/g, taps…]. */
function convolution(node: NodeProto, dims: number[]): View | undefined {
  const groups = intAttribute(node, 'group', 1)
  const [out = 0, into = 0, ...taps] = dims
  if (out % groups !== 0) return undefined
  return {
    dims: [groups, out / groups, into, ...taps],
    ...{ input: 2, outputs: [0, 1], features: [0, 2] },
    sources: [{ value: node.input[0] ?? '', keep: [1], rank: dims.length }],
  }
}

/** [I, O/g, taps…] as [g, I/g, O/g, taps…]. */
function deconvolution(node: NodeProto, dims: number[]): View | undefined {
  const groups = intAttribute(node, 'group', 1)
  const [into = 0, ...rest] = dims
  if (into % groups !== 0) return undefined
  return {
    dims: [groups, into / groups, ...rest],
    ...{ input: 1, outputs: [0, 2], features: [0, 1] },
    sources: [{ value: node.input[0] ?? '', keep: [1], rank: dims.length }],
  }
}

/** A·B with one of them constant: the last axis of A and the last but one of B are summed over. */
function product(node: NodeProto, index: number, dims: number[], transposed: boolean): View | undefined {
  const gemm = node.opType === 'Gemm'
  const flips = (place: number) => gemm && intAttribute(node, place === 0 ? 'transA' : 'transB', 0) !== 0
  const last = dims.length - 1
  const flipped = flips(index) !== transposed
  const input = (index === 0) !== flipped ? last : last - 1
  const other = 1 - index
  const value = node.input[other] ?? ''
  const view = { dims, input, outputs: dims.map((_, a) => a).filter(a => a !== input), features: [input] }
  if (gemm) return { ...view, sources: [{ value, keep: [(other === 0) !== flips(other) ? 1 : 0], rank: 2 }] }
  // Which axis of the second operand that is depends on how many it has.
  return { ...view, sources: index === 1 ? [{ value, keep: [1], rank: null }] : [] }
}

/** [directions, gates·hidden, inputs]; what the recurrent weights meet is the hidden state that the layer gives. */
function recurrent(node: NodeProto, index: number, dims: number[]): View | undefined {
  if (dims.length !== 3) return undefined
  const layout = intAttribute(node, 'layout', 0)
  const view = { dims, input: 2, outputs: [0, 1] }
  if (index === 1)
    return { ...view, features: [2], sources: [{ value: node.input[0] ?? '', keep: [2], rank: 3 }] }
  const states = node.output[0] ?? ''
  const keep = layout === 0 ? [1, 3] : [2, 3]
  return { ...view, features: [0, 2], sources: states === '' ? [] : [{ value: states, keep, rank: 4 }] }
}

/** A second reader counts where it sums over the same axis. */
function merge(known: PrunableWeight, view: PrunableWeight): void {
  known.nodes.push(...view.nodes.filter(node => !known.nodes.includes(node)))
  const same = known.input === view.input && String(known.dims) === String(view.dims)
  if (same && known.sources.length > 0 && view.sources.length > 0) known.sources.push(...view.sources)
  else known.sources = []
}

function refusal(graph: Graph, tensor: TensorProto): string | null {
  if (graph.isInput(tensor.name)) return 'the model lets its callers replace it'
  if (graph.isOutput(tensor.name)) return 'it is an output of the model'
  const uses = graph.uses(tensor.name)
  if (uses.some(use => use.index < 0)) return 'a subgraph reads it'
  const other = uses.find(({ node }) => places(node).length === 0 && node.opType !== 'Transpose')
  return other ? `${describeNode(other.node)} reads it as well` : null
}
