/** Which nodes lie between the weights and the loss, and whether every one of them can be differentiated. */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { describeNode, subgraphReads } from '../onnx/graph'
import type { Types } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { operatorKey, operatorRow } from '../operators'
import type { Gradient } from '../operators/gradient'
import type { Reasons } from './expand/expansion'
import { isStraightThrough, passStraight } from './straight-through'

const FLOATS = new Set(['float32', 'float64', 'float16', 'bfloat16'])

export interface Path {
  /** Nodes a gradient flows through, in topological order. */
  nodes: NodeProto[]
  /** Values whose gradient is needed: they depend on a weight, and the loss on them. */
  active: Set<string>
}

const UNKNOWN: Gradient = { unsupported: 'Bantam does not know this operator.' }

export function gradientOf(node: NodeProto): Gradient {
  if (isStraightThrough(node)) return passStraight
  return operatorRow(node.opType, node.domain)?.gradient ?? UNKNOWN
}

/**
 * Finds the path. Throws `unsupported` with every node on it that has no gradient and why, and `bad-option` when the
 * loss does not depend on one of `wrt`. `reasons` say why nodes could not be taken apart.
 */
export function findPath(
  model: Model,
  loss: string,
  wrt: readonly string[],
  types: Types,
  reasons: Reasons = new Map(),
): Path {
  const order = model.graph.topological()
  const fromWeights = new Set(wrt)
  for (const node of order) {
    if (gradientOf(node) === 'zero' || !carriers(node).some(name => fromWeights.has(name))) continue
    for (const name of node.output) if (name && isReal(types, name)) fromWeights.add(name)
  }
  const toLoss = new Set([loss])
  const nodes: NodeProto[] = []
  for (const node of [...order].reverse()) {
    if (!node.output.some(name => toLoss.has(name) && fromWeights.has(name))) continue
    nodes.unshift(node)
    for (const name of carriers(node)) toLoss.add(name)
  }
  refuseMissing(nodes, reasons)
  const active = new Set([...fromWeights].filter(name => toLoss.has(name)))
  const lost = wrt.filter(name => !active.has(name))
  if (lost.length > 0)
    throw new BantamError('bad-option', `The loss does not depend on ${lost.join(', ')}.`, {
      where: loss,
      action: 'Leave them out, or choose another loss.',
    })
  return { nodes, active }
}

/** False where a node does not take numbers from an input: CastLike takes but the type of its second. */
export function carries(node: NodeProto, index: number): boolean {
  return node.opType !== 'CastLike' || index === 0
}

/** What a node, and the subgraphs it holds, takes numbers from. */
function carriers(node: NodeProto): string[] {
  const inputs = node.input.filter((name, index) => name !== '' && carries(node, index))
  return [...inputs, ...subgraphReads(node)]
}

function isReal(types: Types, name: string): boolean {
  const type = types.get(name)?.type
  return type === undefined || FLOATS.has(type)
}

function refuseMissing(nodes: readonly NodeProto[], reasons: Reasons): void {
  const missing = nodes.flatMap(node => {
    const gradient = gradientOf(node)
    if (gradient === 'expanded')
      return [{ node, reason: reasons.get(node.output[0] ?? '') ?? 'It was not taken apart.' }]
    return typeof gradient === 'object' ? [{ node, reason: gradient.unsupported }] : []
  })
  if (missing.length === 0) return
  const lines = missing.map(({ node, reason }) => `${describeNode(node)}: ${reason}`)
  const kinds = new Set(missing.map(({ node }) => operatorKey(node.opType, node.domain)))
  throw new BantamError(
    'unsupported',
    `No gradient flows through ${[...kinds].join(', ')}. ${lines.join(' ')}`,
    {
      where: missing.map(({ node }) => describeNode(node)).join(', '),
      action: 'Freeze the weights before these nodes, or replace them.',
    },
  )
}
