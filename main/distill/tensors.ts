/** The values inside a model that a feature loss can compare, found from its graph. */
import type { NodeProto } from 'onnx-buf'
import { FEATURE_LOSSES, type FeatureLoss } from '../../shared/training'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import type { Dim } from '../operators/builder'
import { sizeModel } from '../structure/sizes'
import { logitsOf } from './logits'
import { type AttentionCore, attentionCores, isConstant } from './tensors-attention'
import { type Layout, layoutOf, operator } from './tensors-layout'
import { shapesOf } from './tensors-shapes'

export type FeatureKind = FeatureLoss['kind']

export interface FeatureTensor {
  name: string
  op: string
  /** Name of the node, '' when it has none. */
  node: string
  shape: readonly Dim[]
  layout: Layout
  /** Place in the net: share of the layers (convolutions, products) before it, its own included; 0 … 1. */
  depth: number
  /** Losses that can compare it. */
  losses: FeatureKind[]
  /** True when a normalization or activation that follows stands for it: not suggested, but it may be chosen. */
  passing: boolean
  /** Of attention scores: the value after the softmax, which masks cannot make infinite. */
  probabilities?: string
}

/** Nodes that hand on or rearrange what another has made. */
const TRIVIAL =
  /^(Identity|Cast|CastLike|Dropout|Reshape|Flatten|Squeeze|Unsqueeze|Transpose|Split|Slice|Expand|Tile|Pad|Shape|Size|Constant|ConstantOfShape|Range|Where|QuantizeLinear|DequantizeLinear|OneHot|EyeLike|Trilu)$/
const FOLLOWS =
  /^(Relu|LeakyRelu|PRelu|Elu|Selu|Celu|Gelu|FastGelu|QuickGelu|Sigmoid|HardSigmoid|HardSwish|Mish|Swish|Tanh|Clip|Softplus|Softsign|Erf|BatchNormalization|(Skip)?(Simplified)?LayerNormalization|RMSNormalization|InstanceNormalization|GroupNorm(alization)?|BiasGelu|Sum)$/
const LAYERS =
  /^((Fused)?Conv|ConvTranspose|DeformConv|(Fused)?Gemm|(Fused)?MatMul|Einsum|LSTM|GRU|RNN|(MultiHead|GroupQuery|Packed)?Attention)$/
const NORMALIZES = /^((Simplified)?LayerNormalization|RMSNormalization)$/
const GATES = /^(Sigmoid|HardSigmoid|Softplus)$/
const SHAPE_ONLY = /^(Shape|Size|ConstantOfShape|RandomNormal|RandomUniform)$/

/**
 * Lists the tensors in the order of the graph. Feature maps, hidden states and vectors with one entry per sample;
 * attention scores and values where the graph shows them (a softmax between two products). Left out: what is computed
 * from shapes or constants alone, what only moves numbers about, the outputs and their logits. Throws `unsupported`
 * when ONNX Runtime can infer no shapes inside the model.
 */
export async function featureTensors(model: Model): Promise<FeatureTensor[]> {
  const shapes = await shapesOf(model)
  const perSample = await batchedValues(model)
  const order = model.graph.topological()
  const depths = depthsOf(model, order)
  const cores = attentionCores(model)
  const ends = endsOf(model)
  const inner = new Set(cores.flatMap(core => core.inside))
  const operands = new Set(cores.flatMap(core => core.operands))
  return order.flatMap(node => {
    const name = node.output[0] ?? ''
    const info = shapes.get(name)
    if (!info || !/^float/.test(info.type) || !perSample.has(name)) return []
    const { shape } = info
    const core = cores.find(c => c.scores === name || c.probabilities === name || c.values === name)
    const layout = layoutOf(model, name, shape.length)
    const losses = core
      ? coreLosses(core, name, shape)
      : featureLosses(node, shape, ends.has(name) || inner.has(name))
    if (losses.length === 0) return []
    return {
      name,
      op: node.opType,
      node: node.name,
      shape,
      layout,
      depth: depths.get(name) ?? 0,
      losses,
      passing: core ? core.probabilities === name : operands.has(name) || isPassing(model, name),
      ...(core?.scores === name ? { probabilities: core.probabilities } : {}),
    }
  })
}

function coreLosses(core: AttentionCore, name: string, shape: readonly Dim[]): FeatureKind[] {
  if (shape.length < 3) return []
  return core.values === name ? ['value-relation'] : ['attention-matrix']
}

function featureLosses(node: NodeProto, shape: readonly Dim[], out: boolean): FeatureKind[] {
  if (out || TRIVIAL.test(operator(node)) || shape.length < 2) return []
  if (shape.slice(1).every(d => d === 1)) return []
  const places = shape.length > 2 && !shape.slice(2).every(d => d === 1)
  return FEATURE_LOSSES.filter(
    kind => kind !== 'attention-matrix' && kind !== 'value-relation' && (kind !== 'attention' || places),
  )
}

/** Outputs, their logits, and the values between. */
function endsOf(model: Model): Set<string> {
  const ends = new Set<string>()
  for (const output of model.graph.outputNames) {
    const logits = logitsOf(model, output).name
    ends.add(output).add(logits)
    // A bias added to a product is no layer of its own.
    const node = model.graph.producer(logits)
    for (const name of node?.opType === 'Add' ? node.input : []) {
      const op = model.graph.producer(name)?.opType
      if (op === 'MatMul' && node?.input.some(other => model.graph.initializer(other))) ends.add(name)
    }
  }
  return ends
}

/** Read only by something that stands for it: a normalization, an activation, a bias, the sum of a residual branch. */
function isPassing(model: Model, name: string): boolean {
  const { graph } = model
  if (graph.isOutput(name)) return false
  const readers = [...new Set(graph.uses(name).map(use => use.node))]
  const [reader] = readers
  const made = graph.producer(name)
  // A residual stream that is normalized before it is read: the stream itself is the feature.
  if (made && NORMALIZES.test(operator(made)) && graph.uses(made.input[0] ?? '').length > 1) return true
  if (made && isPartOfGelu(model, made)) return true
  if (readers.length > 1)
    // x·σ(x) and the erf form of Gelu read their argument twice.
    return readers.some(
      node =>
        GATES.test(operator(node)) || graph.uses(node.output[0] ?? '').some(use => use.node.opType === 'Erf'),
    )
  return reader !== undefined && (FOLLOWS.test(operator(reader)) || isSum(model, reader))
}

function isSum(model: Model, node: NodeProto): boolean {
  if (operator(node) === 'Add') return true
  return /^(Mul|Div|Sub)$/.test(operator(node)) && node.input.some(name => isConstant(model, name))
}

/** 1 + erf(x/√2), or the erf itself. */
function isPartOfGelu({ graph }: Model, node: NodeProto): boolean {
  if (node.opType === 'Add') return node.input.some(name => graph.producer(name)?.opType === 'Erf')
  return node.opType === 'Erf'
}

/** Longest path in layers to each value, by the longest of all. */
function depthsOf(model: Model, order: readonly NodeProto[]): Map<string, number> {
  const layers = new Map<string, number>()
  let most = 0
  for (const node of order) {
    const before = Math.max(0, ...node.input.map(name => layers.get(name) ?? 0))
    const here = before + (isLayer(model, node) ? 1 : 0)
    for (const name of node.output) layers.set(name, here)
    most = Math.max(most, here)
  }
  return new Map([...layers].map(([name, n]) => [name, most === 0 ? 0 : n / most]))
}

function isLayer(model: Model, node: NodeProto): boolean {
  return LAYERS.test(operator(node)) && node.input.some(name => !isConstant(model, name))
}

/** Values that a layer or an embedding has made of the inputs' contents, and whose first dimension is the batch. */
async function batchedValues(model: Model): Promise<Set<string>> {
  const { dims, other } = await sizeModel(model)
  const inputs = modelInputs(model).map(i => i.name)
  const [first] = inputs
  const [batch, second] = [dims, other].map(sizes => (first ? sizes.get(first)?.[0] : undefined))
  const fromData = new Set(inputs)
  for (const node of model.graph.topological()) {
    if (SHAPE_ONLY.test(operator(node))) continue
    if (node.input.some(name => fromData.has(name))) for (const name of node.output) fromData.add(name)
  }
  return new Set(
    [...fromData].filter(name => dims.get(name)?.[0] === batch && other.get(name)?.[0] === second),
  )
}
