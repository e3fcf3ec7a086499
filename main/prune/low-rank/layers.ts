/** Layers that can be made of two smaller ones, how, and what each unit of rank costs. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import type { PruneCost, PruneDeclined } from '../../../shared/prune'
import { nodeCost } from '../../measure/layers'
import { attribute, intAttribute } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import type { Types } from '../../onnx/infer'
import { modelInputs } from '../../onnx/inputs'
import { type Model, normalDomain } from '../../onnx/model'
import { liftConstants } from '../../onnx/passes/lift-constants'
import { dataTypeName, elementBits, tensorDims } from '../../onnx/tensor'
import { subgraphs } from '../../onnx/walk'
import { nodeLabel } from '../../quantize/names'
import { sizedTypes } from '../../structure/model-cost'
import { namedBy } from '../named'
import { constantBehind, refuseQuantized } from '../weights'

/**
 * How a layer is divided. dense: a product with a matrix [k, n], as [k, r] and [r, n]. channel: a convolution, as one to
 * r channels and one of 1 × 1 (Zhang et al. 2015, arXiv 1505.06798). spatial: a convolution of two axes, as one along
 * each (Jaderberg et al. 2014, arXiv 1405.3866).
 */
export type Scheme = 'dense' | 'channel' | 'spatial'

export interface LowRankLayer {
  node: NodeProto
  /** Initializer, and whether a Transpose stands between. */
  weight: string
  transposed: boolean
  dims: readonly number[]
  scheme: Scheme
  /** Of the matrix that is divided: inputs and outputs. */
  rows: number
  columns: number
  whole: PruneCost
  /** What one unit of rank costs. */
  unit: PruneCost
}

export interface FoundLayers {
  /** With Constant nodes as initializers. */
  model: Model
  /** One list per layer: the ways in which it can be divided. */
  layers: LowRankLayer[][]
  declined: PruneDeclined[]
}

/** Largest matrix of which all singular values are taken: half a minute. */
const LARGEST = 2048
/** As above, for a scheme that is an alternative. */
const LARGEST_SPATIAL = 1024

/**
 * Finds dense layers and convolutions with constant weights, in the order of the graph. Throws `unsupported` where there
 * are none or the model is quantized, and `bad-option` for an exclusion that names nothing.
 */
export async function findLayers(source: Model, exclude: readonly string[]): Promise<FoundLayers> {
  refuseQuantized(source)
  const { model } = await liftConstants.run(source)
  const [types] = await sizedTypes([model], modelInputs(model))
  const declined: PruneDeclined[] = []
  const found: LowRankLayer[][] = []
  for (const node of model.graph.nodes) {
    const behind = weightOf(model, node)
    if (!behind) continue
    const reason = refusal(model, node, behind.tensor)
    if (reason) declined.push({ id: behind.tensor.name, reason, node: nodeLabel(node) })
    else found.push(schemes(node, behind, types))
  }
  const left = namedBy(exclude, found, namesOf)
  for (const [layer] of left)
    if (layer) declined.push({ id: layer.weight, reason: 'excluded', node: nodeLabel(layer.node) })
  const layers = found.filter(layer => !left.has(layer))
  if (layers.length > 0) return { model, layers, declined }
  throw nothing(model, declined)
}

function nothing({ graph }: Model, declined: readonly PruneDeclined[]): BantamError {
  const holder = graph.nodes.find(node => subgraphs(node).length > 0)
  return new BantamError('unsupported', 'The model has no layer that could be divided in two.', {
    ...(holder ? { where: describeNode(holder) } : {}),
    action: declined[0]
      ? `${declined[0].id} stays: ${declined[0].reason}.`
      : holder
        ? 'Its layers lie in subgraphs, which are left alone. Export it without control flow.'
        : 'Convolutions and dense layers with constant weights can.',
  })
}

function namesOf([layer]: readonly LowRankLayer[]): string[] {
  return layer ? [layer.weight, nodeLabel(layer.node), describeNode(layer.node), ...layer.node.output] : []
}

interface Behind {
  tensor: TensorProto
  transposed: boolean
}

function weightOf({ graph }: Model, node: NodeProto): Behind | undefined {
  if (normalDomain(node.domain) !== '') return undefined
  if (!['Conv', 'Gemm', 'MatMul'].includes(node.opType)) return undefined
  const behind = constantBehind(graph, node.input[1] ?? '')
  const matrix = behind && behind.tensor.dims.length >= 2
  return matrix && /^float(32|16)$/.test(dataTypeName(behind.tensor.dataType)) ? behind : undefined
}

function refusal({ graph }: Model, node: NodeProto, tensor: TensorProto): string | null {
  if (graph.isInput(tensor.name)) return 'the model lets its callers replace it'
  if (graph.isOutput(tensor.name)) return 'it is an output of the model'
  const readers = graph.uses(tensor.name).flatMap(use => {
    const moved = use.node.opType === 'Transpose' ? graph.uses(use.node.output[0] ?? '') : []
    return moved.length > 0 ? moved : [use]
  })
  const other = readers.find(use => use.node !== node)
  if (other) return `${describeNode(other.node)} reads it as well`
  if (node.opType !== 'Conv')
    return tensor.dims.length > 2 ? 'it holds several matrices' : tooLarge(tensorDims(tensor))
  if (intAttribute(node, 'group', 1) !== 1) return 'the convolution works in groups'
  const [out = 1, ...rest] = tensorDims(tensor)
  return tooLarge([out, rest.reduce((all, d) => all * d, 1)])
}

function tooLarge(dims: readonly number[]): string | null {
  return Math.min(...dims) > LARGEST ? `both its sides are longer than ${LARGEST}` : null
}

function schemes(node: NodeProto, { tensor, transposed }: Behind, types: Types | undefined): LowRankLayer[] {
  const dims = tensorDims(tensor)
  const bytes = (elementBits(tensor.dataType) ?? 32) / 8
  const count = dims.reduce((all, d) => all * d, 1)
  const cost = types && nodeCost(node, types)
  const macs = cost && 'macs' in cost ? cost.macs : count
  const at = { node, weight: tensor.name, transposed, dims, whole: costs(count, macs, bytes) }
  /** Times that every weight is used. */
  const uses = macs / Math.max(1, count)
  if (node.opType !== 'Conv') {
    const flipped = (node.opType === 'Gemm' && intAttribute(node, 'transB', 0) !== 0) !== transposed
    const [a = 1, b = 1] = dims
    const [rows, columns] = flipped ? [b, a] : [a, b]
    const unit = costs(rows + columns, uses * (rows + columns), bytes)
    return [{ ...at, scheme: 'dense', rows, columns, unit }]
  }
  const [out = 1, into = 1, ...taps] = dims
  const rows = into * taps.reduce((all, d) => all * d, 1)
  const channel: LowRankLayer = {
    ...{ ...at, scheme: 'channel', rows, columns: out },
    unit: costs(rows + out, uses * (rows + out), bytes),
  }
  const [high = 1, wide = 1] = taps
  const widths = [node.input[0], node.output[0]].map(name => types?.get(name ?? '')?.shape.at(-1))
  const [from, to] = widths
  const known = typeof from === 'number' && typeof to === 'number' && to > 0
  const plain =
    taps.length === 2 && high > 1 && wide > 1 && known && attribute(node, 'auto_pad') === undefined
  if (!plain || Math.min(into * high, out * wide) > LARGEST_SPATIAL) return [channel]
  const [first, second] = [into * high, out * wide]
  // The first of the two leaves the width as it is.
  const work = uses * ((from / to) * first + second)
  return [
    channel,
    { ...at, scheme: 'spatial', rows: first, columns: second, unit: costs(first + second, work, bytes) },
  ]
}

function costs(parameters: number, macs: number, bytes: number): PruneCost {
  return { parameters, macs, bytes: parameters * bytes }
}

/** Ranks come in multiples of this: of 8 where the layer is wide enough. */
export function stepOf({ rows, columns }: LowRankLayer): number {
  const full = Math.min(rows, columns)
  return full >= 64 ? 8 : full >= 16 ? 4 : 1
}

/** The highest rank, in its steps, at which a layer has fewer parameters and less to compute; 0 where there is none. */
export function highestRank(layer: LowRankLayer): number {
  const { whole, unit, rows, columns } = layer
  const most = Math.min(
    (whole.parameters - 1) / unit.parameters,
    (whole.macs - 1) / Math.max(1, unit.macs),
    Math.min(rows, columns),
  )
  const step = stepOf(layer)
  return Math.floor(most / step) * step
}
