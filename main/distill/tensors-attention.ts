/** Attention as the graph shows it: softmax(scores)·V, the scores a product. */
import type { NodeProto } from 'onnx-buf'
import type { Model } from '../onnx/model'
import { operator } from './tensors-layout'

export interface AttentionCore {
  /** Input of the softmax: scores with their mask added. */
  scores: string
  probabilities: string
  /** Right factor of the product that follows. */
  values: string
  /** Values between the two products, and the result of the second: no features of their own. */
  inside: string[]
  /** Queries, keys and values on their way from the layers that make them. */
  operands: string[]
}

/** Nodes that may stand between a product and the softmax, and between the softmax and the next product. */
const BEFORE = /^(Add|Sub|Mul|Div|Where|Cast|Reshape|Identity|Clip|Max|Tanh)$/
const AFTER = /^(Dropout|Cast|Identity|Reshape|Where|Mul)$/
const LAYER = /^(MatMul|Gemm|FusedMatMul)$/
const BETWEEN =
  /^(MatMul|Gemm|FusedMatMul|Add|Mul|Div|Transpose|Reshape|Squeeze|Unsqueeze|Split|Slice|Gather|Identity|Cast)$/
const PRODUCT = /^(MatMul|FusedMatMul|Einsum)$/

/** In the order of the graph. */
export function attentionCores(model: Model): AttentionCore[] {
  return model.graph.topological().flatMap(node => {
    if (operator(node) !== 'Softmax') return []
    const [scores = '', probabilities = ''] = [node.input[0], node.output[0]]
    const before = productBefore(model, scores)
    const after = productAfter(model, probabilities)
    if (!before || !after) return []
    const { values } = after
    const operands = [...before.factors, values].flatMap(name => wayBack(model, name))
    return { scores, probabilities, values, inside: [...before.inside, ...after.inside], operands }
  })
}

/** Values on the way back to a product of two computed values, and its factors; undefined when there is none. */
function productBefore(model: Model, scores: string): { inside: string[]; factors: string[] } | undefined {
  const inside: string[] = []
  const queue = [scores]
  for (let at = queue.shift(); at !== undefined && inside.length < 16; at = queue.shift()) {
    const node = model.graph.producer(at)
    if (!node) continue
    inside.push(at)
    const factors = node.input.slice(0, 2)
    if (PRODUCT.test(operator(node))) {
      if (!factors.some(name => isConstant(model, name))) return { inside, factors }
    } else if (BEFORE.test(operator(node))) queue.push(...node.input)
  }
  return undefined
}

/** Values between a factor and the layer that makes it, that layer's result included. */
function wayBack(model: Model, factor: string): string[] {
  const way: string[] = []
  for (let at = factor; way.length < 16; ) {
    const node = model.graph.producer(at)
    if (!node || !BETWEEN.test(operator(node))) return way
    way.push(at)
    if (LAYER.test(operator(node))) return way
    at = node.input.find(name => !isConstant(model, name)) ?? ''
  }
  return way
}

function productAfter(model: Model, probabilities: string): { values: string; inside: string[] } | undefined {
  const inside = [probabilities]
  let at = probabilities
  for (let steps = 0; steps < 8; steps++) {
    const product = model.graph
      .uses(at)
      .find(use => PRODUCT.test(operator(use.node)) && use.index === 0)?.node
    if (product) {
      inside.push(product.output[0] ?? '')
      return { values: product.input[1] ?? '', inside }
    }
    const next: NodeProto | undefined = model.graph.uses(at).find(use => AFTER.test(operator(use.node)))?.node
    if (!next) return undefined
    at = next.output[0] ?? ''
    inside.push(at)
  }
  return undefined
}

/** True for weights, for what is made of weights alone by one Transpose or Cast, and for Constant nodes. */
export function isConstant(model: Model, name: string): boolean {
  if (name === '' || model.graph.initializer(name)) return true
  const node = model.graph.producer(name)
  if (node?.opType === 'Constant') return true
  return /^(Transpose|Cast|Identity)$/.test(node?.opType ?? '') && isConstant(model, node?.input[0] ?? '')
}
