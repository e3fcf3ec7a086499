/** Takes apart, on the way from the weights to the loss, the operators that have an expansion instead of a rule. */
import type { NodeProto } from 'onnx-buf'
import { attribute, makeNode, makeValue } from '../../onnx/build'
import { inferTypes, type Types } from '../../onnx/infer'
import { Model } from '../../onnx/model'
import { tensorValues } from '../../onnx/tensor'
import { operatorKey } from '../../operators'
import { Builder, type Value } from '../../operators/builder'
import { toNumbers } from '../../runtime/tensor'
import { gradientOf } from '../path'
import { settleShapes } from '../settle'
import { Declined, type Place, type Reasons } from './expansion'
import { EXPANSIONS } from './table'

/** An expansion may give operators that have expansions themselves; this bounds a mistake. */
const MAX_ROUNDS = 5

/**
 * Changes the model in place until no node between `wrt` and `targets` can be taken apart any further. Returns the model
 * indexed anew, and why nodes were left.
 */
export async function expand(
  model: Model,
  targets: readonly string[],
  wrt: readonly string[],
): Promise<{ model: Model; reasons: Reasons }> {
  let reasons = new Map<string, string>()
  let current = model
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const nodes = between(current, targets, wrt)
    if (nodes.length === 0) break
    reasons = new Map()
    const types = await inferTypes(current)
    const { proto } = current.graph
    // What expansions know of their values, ONNX Runtime may not find out: that the batch is the same everywhere.
    const declare = (v: Value) => {
      if (v.shape.some(d => typeof d === 'string') && !v.shape.includes(''))
        proto.valueInfo.push(makeValue(v.name, v.type, v.shape))
    }
    const m = new Builder(current.graph, current.opset(), 'expand', 0, declare)
    for (const node of nodes) expandNode(current, node, m, types, reasons)
    current.graph.sort()
    current = new Model(current.proto, current.directory)
    if (reasons.size === nodes.length) break
    // Those that were left are asked again: what is known of their inputs may have come to light.
    if (reasons.size > 0) current = await settleShapes(current)
  }
  return { model: current, reasons }
}

/** Nodes with an expansion that depend on `wrt` and on which a target depends. */
function between(model: Model, targets: readonly string[], wrt: readonly string[]): NodeProto[] {
  const isExpanded = (node: NodeProto) => gradientOf(node) === 'expanded'
  if (!model.graph.nodes.some(isExpanded)) return []
  const order = model.graph.topological()
  const depends = new Set(wrt)
  for (const node of order)
    if (node.input.some(name => depends.has(name)) && gradientOf(node) !== 'zero')
      for (const name of node.output) if (name) depends.add(name)
  const wanted = new Set(targets)
  for (const node of [...order].reverse())
    if (node.output.some(name => wanted.has(name))) for (const name of node.input) wanted.add(name)
  return order.filter(
    node => isExpanded(node) && node.output.some(name => wanted.has(name) && depends.has(name)),
  )
}

function expandNode(
  model: Model,
  node: NodeProto,
  m: Builder,
  types: Types,
  reasons: Map<string, string>,
): void {
  const { graph } = model
  const expansion = EXPANSIONS[operatorKey(node.opType, node.domain)]
  const before = graph.nodes.length
  try {
    if (!expansion) throw new Declined('There is no expansion of it.')
    const place = placeOf(model, node, m, types)
    const results = expansion(place)
    node.output.forEach((_, i) => {
      if (place.wants(i) && !results[i]) throw new Declined(`Its output ${i} cannot be taken apart.`)
    })
    graph.remove([node])
    node.output.forEach((name, i) => {
      const result = results[i]
      if (name && result)
        graph.add(makeNode('Identity', [result.name], [name], {}, { name: graph.freshName(name) }))
    })
  } catch (error) {
    if (!(error instanceof Declined)) throw error
    graph.remove(graph.nodes.slice(before))
    reasons.set(node.output[0] ?? '', error.message)
  }
}

function placeOf(model: Model, node: NodeProto, m: Builder, types: Types): Place {
  const { graph } = model
  const known = (name: string): Value => {
    const info = types.get(name)
    if (!info)
      throw new Declined(`The number of dimensions of ${name} is not known; give the inputs fixed sizes.`)
    return info
  }
  return {
    m,
    node,
    input: index => known(node.input[index] ?? ''),
    has: index => Boolean(node.input[index]),
    output: (index = 0) => known(node.output[index] ?? ''),
    wants: index => {
      const name = node.output[index]
      return Boolean(name) && (graph.uses(name ?? '').length > 0 || graph.isOutput(name ?? ''))
    },
    constant: index => constantValues(model, node.input[index] ?? ''),
    isZero: index => isZero(model, node.input[index] ?? ''),
  }
}

function constantValues(model: Model, name: string): number[] | undefined {
  const tensor = model.graph.initializer(name)
  return tensor ? [...toNumbers(tensorValues(tensor, model.directory))] : undefined
}

/** Operators whose result is zero when their first input is. */
const MOVES = /^(Expand|Slice|Gather|Reshape|Transpose|Squeeze|Unsqueeze|Identity|Cast|Tile)$/

function isZero(model: Model, name: string): boolean {
  const node = model.graph.producer(name)
  if (!node) return constantValues(model, name)?.every(v => v === 0) ?? false
  if (node.opType === 'ConstantOfShape') {
    const fill = attribute(node, 'value')?.t
    return !fill || toNumbers(tensorValues(fill, model.directory)).every((v: number) => v === 0)
  }
  if (node.opType === 'Concat') return node.input.every(input => isZero(model, input))
  return MOVES.test(node.opType) && isZero(model, node.input[0] ?? '')
}
