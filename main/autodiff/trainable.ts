/**
 * Which tensors of a model are parameters. ONNX does not say: weights, statistics, masks and tables of constants are all
 * initializers. The rule goes by what a tensor is used for.
 *
 * A value is raw when it depends on a float input of the model, and active once a parameter has had its part in it (a
 * weight, or a row of an embedding table). A tensor (float32, one axis or more) is a parameter when it, or something
 * computed from initializers alone such as its transpose, is
 * - the weight or bias of a convolution, matrix product, recurrent layer or attention, or the scale or bias of a
 *   normalization, where the other operand is raw or active;
 * - a table of two axes or more of which rows are gathered by indices that are computed;
 * - added to, multiplied with or concatenated to an active value, with more than one element; one element is enough for
 *   a bias, added to what such a product gives. PRelu slopes count as multiplied.
 * So these are none: running statistics of batch normalization, what an input is normalized with (it meets raw values
 * only), subtrahends and divisors, exponents, bounds of Clip, values of Pad and Where, scales of Resize, initial states,
 * rotary frequencies (they meet positions, which are integers), and masks, known by elements of 10⁴ or more or by
 * holding but 0 and one number of 50 or more.
 * A table of fixed position encodings that is added to the tokens cannot be told from a learned one: it is trained.
 */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { inferTypes, type Types } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { dataTypeName, tensorCount, tensorValues } from '../onnx/tensor'
import { operatorKey } from '../operators'
import { toNumbers } from '../runtime/tensor'
import { inlineFunctions } from './expand/functions'
import { carries, gradientOf } from './path'
import { isBatchNormalization } from './prepare'

/** Places of weights and biases, by operator; the data they work on is input 0, or the other operand of a product. */
const PLACES: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [1, 2],
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  DeformConv: [1, 3],
  Einsum: [0, 1, 2, 3],
  GRU: [1, 2, 3],
  Gemm: [0, 1, 2],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LSTM: [1, 2, 3, 7],
  LayerNormalization: [1, 2],
  MatMul: [0, 1],
  RMSNormalization: [1],
  RNN: [1, 2, 3],
  SimplifiedLayerNormalization: [1],
  'com.microsoft:Attention': [1, 2],
  'com.microsoft:BiasGelu': [1],
  'com.microsoft:EmbedLayerNormalization': [2, 3, 4, 5, 6],
  'com.microsoft:FastGelu': [1],
  'com.microsoft:FusedConv': [1, 2],
  'com.microsoft:FusedGemm': [0, 1, 2],
  'com.microsoft:FusedMatMul': [0, 1],
  'com.microsoft:MultiHeadAttention': [3],
  'com.microsoft:SkipLayerNormalization': [2, 3, 4],
  'com.microsoft:SkipSimplifiedLayerNormalization': [2, 3],
}
const BLENDS = /^(Add|Sum|Mul|Concat|PRelu)$/
const PRODUCTS = /^(Conv|ConvTranspose|Gemm|MatMul|Einsum)$/
/** From here on an element is taken for that of a mask. */
const MASK = 1e4
/** As above, where there is nothing but this number and 0. */
const LOW = 50
/** Names of what losses and gradients add to a graph. */
const OURS = /^(grad|expand|running)\//

type State = 'fixed' | 'raw' | 'active'

/**
 * The initializers to train, in the order of the graph. Throws `bad-option` when there is no value named `loss`, and
 * what reading tensors throws.
 */
export async function trainable(source: Model, loss: string): Promise<string[]> {
  const model = inlineFunctions(source)
  const { graph } = model
  if (!graph.producer(loss))
    throw new BantamError('bad-option', `There is no value named ${loss} in the model.`, { where: loss })
  const types = await inferTypes(model)
  const found = new Search(model, types).run()
  const reach = reaching(model, loss, types)
  const statistics = new Set(graph.nodes.filter(isBatchNormalization).flatMap(node => node.input.slice(3, 5)))
  return [...graph.initializers()]
    .map(tensor => tensor.name)
    .filter(name => found.has(name) && reach.has(name) && !statistics.has(name) && !OURS.test(name))
}

const isFloat = (types: Types, name: string) => /^(b?float|double)/.test(types.get(name)?.type ?? 'float32')

/** Values a gradient of the loss flows to. */
function reaching(model: Model, loss: string, types: Types): Set<string> {
  const reached = new Set([loss])
  for (const node of model.graph.topological().reverse()) {
    if (gradientOf(node) === 'zero' || !node.output.some(name => reached.has(name))) continue
    node.input.forEach((name, i) => {
      if (name && carries(node, i) && isFloat(types, name)) reached.add(name)
    })
  }
  return reached
}

class Search {
  private readonly states = new Map<string, State>()
  /** Initializers behind each value that is computed from initializers alone. */
  private readonly sources = new Map<string, Set<string>>()
  private readonly found = new Set<string>()
  /** What products with parameters give. */
  private readonly produced = new Set<string>()

  constructor(
    private readonly model: Model,
    private readonly types: Types,
  ) {}

  run(): Set<string> {
    const { graph } = this.model
    for (const tensor of graph.initializers()) {
      const trains = dataTypeName(tensor.dataType) === 'float32' && tensor.dims.length > 0
      this.sources.set(tensor.name, new Set(trains && !graph.isInput(tensor.name) ? [tensor.name] : []))
    }
    for (const name of graph.inputNames) this.states.set(name, isFloat(this.types, name) ? 'raw' : 'fixed')
    for (const node of graph.topological()) this.visit(node)
    return this.found
  }

  private visit(node: NodeProto): void {
    if (this.isFixed(node)) {
      this.derive(node)
      return
    }
    const takes = this.takes(node)
    const states = node.input.map(name => this.states.get(name) ?? 'fixed')
    const flows = node.output.some(name => isFloat(this.types, name))
    const state = takes || states.includes('active') ? 'active' : states.includes('raw') ? 'raw' : 'fixed'
    for (const name of node.output) if (name) this.states.set(name, flows ? state : 'fixed')
  }

  /** True when a node's numbers come from initializers alone, whatever sizes and places it moves them to. */
  private isFixed(node: NodeProto): boolean {
    const inputs = node.input.filter(name => name !== '')
    if (node.opType === 'ConstantOfShape' || inputs.every(name => this.sources.has(name))) return true
    const floats = inputs.filter(name => isFloat(this.types, name))
    return node.opType !== 'Gather' && floats.length > 0 && floats.every(name => this.sources.has(name))
  }

  /** A value of initializers alone is what its float operands are, seen another way. */
  private derive(node: NodeProto): void {
    const from = gradientOf(node) === 'zero' ? [] : node.input.filter(name => isFloat(this.types, name))
    const all = new Set(from.flatMap(name => [...(this.sources.get(name) ?? [])]))
    for (const name of node.output) if (name) this.sources.set(name, all)
  }

  /** Marks the parameters a node takes; true when there were any. */
  private takes(node: NodeProto): boolean {
    const key = operatorKey(node.opType, node.domain)
    if (node.opType === 'Gather') return this.takesRows(node)
    const works = node.input.some(name => (this.states.get(name) ?? 'fixed') !== 'fixed')
    const places = key === 'com.microsoft:EmbedLayerNormalization' || works ? (PLACES[key] ?? []) : []
    let any = false
    for (const place of places) if (this.mark(node.input[place] ?? '', 1)) any = true
    if (any && PRODUCTS.test(node.opType)) for (const name of node.output) this.produced.add(name)
    if (BLENDS.test(key) && node.input.some(name => this.states.get(name) === 'active')) {
      const bias = node.opType === 'Add' && node.input.some(name => this.produced.has(name))
      for (const name of node.input) if (this.mark(name, bias ? 1 : 2)) any = true
    }
    return any
  }

  private takesRows(node: NodeProto): boolean {
    const [table = ''] = node.input
    const rank = this.types.get(table)?.shape.length ?? 0
    return rank >= 2 && !OURS.test(table) && this.mark(table, 1)
  }

  /** Marks what is behind a value of initializers with at least so many elements; false when there is nothing. */
  private mark(name: string, atLeast: number): boolean {
    let any = false
    for (const source of this.sources.get(name) ?? []) {
      const tensor = this.model.graph.initializer(source)
      if (!tensor || tensorCount(tensor) < atLeast || this.isMask(source)) continue
      this.found.add(source)
      any = true
    }
    return any
  }

  private readonly masks = new Map<string, boolean>()

  private isMask(name: string): boolean {
    const known = this.masks.get(name)
    if (known !== undefined) return known
    const tensor = this.model.graph.initializer(name)
    const mask = tensor !== undefined && looksMasked(toNumbers(tensorValues(tensor, this.model.directory)))
    this.masks.set(name, mask)
    return mask
  }
}

/** Scores are masked by adding −∞, or a number so low that the softmax of what is left is not changed. */
function looksMasked(values: ArrayLike<number>): boolean {
  const list = Array.from(values)
  if (list.some(v => !(Math.abs(v) < MASK))) return true
  const fill = list.find(v => v !== 0) ?? 0
  return Math.abs(fill) >= LOW && list.every(v => v === 0 || v === fill) && list.includes(0)
}
