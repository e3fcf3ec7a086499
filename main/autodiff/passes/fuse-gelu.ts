/**
 * x·(1 + erf(x/√2))·½, as exporters write GELU (Hendrycks & Gimpel 2016), becomes one node of ONNX Runtime's own: forward
 * reads and writes once, and of five intermediate values only x is kept for the gradient.
 */
import type { NodeProto } from 'onnx-buf'
import { makeNode } from '../../onnx/build'
import { type Model, normalDomain } from '../../onnx/model'
import { constantValues } from '../../onnx/passes/pass'
import { toNumbers } from '../../runtime/tensor'
import { importDomains } from './import-domains'

/** Changes the model in place. Where a value in between is read elsewhere or is in `keep`, the nodes stay. */
export function fuseGelu(model: Model, keep: readonly string[] = []): void {
  for (const node of [...model.graph.nodes]) {
    const match =
      node.opType === 'Erf' && normalDomain(node.domain) === '' ? matchGelu(model, node) : undefined
    if (!match || match.nodes.some(n => n.output[0] !== match.y && keep.includes(n.output[0] ?? ''))) continue
    model.graph.remove(match.nodes)
    model.graph.add(
      makeNode('Gelu', [match.x], [match.y], {}, { name: `${node.name}/gelu`, domain: 'com.microsoft' }),
    )
  }
  importDomains(model)
}

interface Match {
  nodes: NodeProto[]
  x: string
  y: string
}

function matchGelu(model: Model, erf: NodeProto): Match | undefined {
  const scaled = model.graph.producer(erf.input[0] ?? '')
  const x = scaled && scaledInput(model, scaled)
  const plusOne = soleReader(model, erf, 'Add')
  if (!scaled || !x || !plusOne || otherConstant(model, plusOne, erf) !== 1) return undefined
  const product = soleReader(model, plusOne, 'Mul')
  if (!product || !unread(model, scaled, erf)) return undefined
  const other = product.input.find(name => name !== plusOne.output[0]) ?? ''
  // ½ comes last, or on x first.
  const half = soleReader(model, product, 'Mul')
  if (other === x && half && otherConstant(model, half, product) === 0.5)
    return { nodes: [scaled, erf, plusOne, product, half], x, y: half.output[0] ?? '' }
  const halved = model.graph.producer(other)
  const isHalf = halved?.opType === 'Mul' && halved.input.includes(x) && soleReader(model, halved, 'Mul')
  if (halved && isHalf && constantInput(model, halved) === 0.5)
    return { nodes: [scaled, erf, plusOne, halved, product], x, y: product.output[0] ?? '' }
  return undefined
}

/** x of x/√2 or x·√½. */
function scaledInput(model: Model, node: NodeProto): string | undefined {
  const constant = constantInput(model, node)
  const near = (value: number) => constant !== undefined && Math.abs(constant / value - 1) < 1e-6
  const [a = '', b = ''] = node.input
  if (node.opType === 'Div') return near(Math.SQRT2) && number(model, b) !== undefined ? a : undefined
  if (node.opType !== 'Mul' || !near(Math.SQRT1_2)) return undefined
  return number(model, a) === undefined ? a : b
}

/** True when only `reader` reads the node's output. */
function unread(model: Model, node: NodeProto, reader: NodeProto): boolean {
  const name = node.output[0] ?? ''
  return !model.graph.isOutput(name) && model.graph.uses(name).every(use => use.node === reader)
}

function soleReader(model: Model, node: NodeProto, op: string): NodeProto | undefined {
  const name = node.output[0] ?? ''
  const [use, second] = model.graph.uses(name)
  const fits = use && !second && !model.graph.isOutput(name) && use.node.opType === op
  return fits ? use.node : undefined
}

/** The constant that a node of two inputs has beside what `source` gives. */
function otherConstant(model: Model, node: NodeProto, source: NodeProto): number | undefined {
  return number(model, node.input.find(name => name !== source.output[0]) ?? '')
}

function constantInput(model: Model, node: NodeProto): number | undefined {
  return node.input.map(name => number(model, name)).find(v => v !== undefined)
}

function number(model: Model, name: string): number | undefined {
  const tensor = constantValues(model, name)
  return tensor && tensor.data.length === 1 && tensor.type !== 'string' ? toNumbers(tensor)[0] : undefined
}
