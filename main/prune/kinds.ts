/** What a group of channels is to a person: a width of convolutions, the inside of a block, whole heads, … */
import type { NodeProto } from 'onnx-buf'
import type { GroupKind } from '../../shared/prune'
import { describeNode } from '../onnx/graph'
import { type Dim, find, leaves } from '../structure/dims'
import type { ChannelGroup, Structure } from '../structure/groups'

const RECURRENT = new Set(['LSTM', 'GRU', 'RNN'])
const CONVOLUTION = /Conv/
const ATTENTION = /Attention$/
const JOINS = /^(Add|Sum|Skip(Simplified)?LayerNormalization)$/

/** Kinds of all groups, by id. */
export function groupKinds(structure: Structure): Map<string, GroupKind> {
  const marks = marksOf(structure)
  const nodes = new Map(structure.model.graph.nodes.map(node => [describeNode(node), node]))
  return new Map(structure.groups.map(group => [group.id, kindOf(structure, group, marks, nodes)]))
}

interface Marks {
  recurrent: Set<Dim>
  heads: Set<Dim>
  insideHeads: Set<Dim>
  joined: Set<Dim>
}

function kindOf(
  structure: Structure,
  group: ChannelGroup,
  marks: Marks,
  nodes: ReadonlyMap<string, NodeProto>,
): GroupKind {
  const dim = structure.dims.get(group.id)
  if (!dim) return 'channels'
  const leaf = find(dim)
  if (marks.recurrent.has(leaf)) return 'hidden'
  if (marks.heads.has(leaf)) return 'heads'
  if (marks.insideHeads.has(leaf) && group.factors.length > 0) return 'head-width'
  const producers = group.producers.map(name => nodes.get(name)?.opType ?? '')
  const convolved = producers.filter(op => CONVOLUTION.test(op)).length
  const dense = producers.length - convolved
  if (dense > 0 && (marks.joined.has(leaf) || producers.includes('Gather'))) return 'embedding'
  if (convolved > 0 || group.weights.some(w => w.shape.length > 2)) return 'channels'
  return 'ffn'
}

/** Where each variable is met. */
function marksOf({ model, flow }: Structure): Marks {
  const marks: Marks = {
    recurrent: new Set(),
    heads: new Set(),
    insideHeads: new Set(),
    joined: new Set(),
  }
  const add = (to: Set<Dim>, dims: readonly (Dim | undefined)[]) => {
    for (const dim of dims) if (dim) for (const leaf of leaves(dim)) to.add(leaf)
  }
  for (const node of model.graph.nodes) {
    const axes = node.input.map(name => flow.axes.get(name) ?? [])
    const computed = node.input.filter(name => name !== '' && !model.graph.initializer(name))
    if (RECURRENT.has(node.opType)) add(marks.recurrent, [axes[2]?.at(-1)])
    if (JOINS.test(node.opType) && computed.length > 1)
      add(
        marks.joined,
        computed.map(name => flow.axes.get(name)?.at(-1)),
      )
    if (node.opType === 'MatMul' && computed.length === 2) {
      for (const operand of axes) {
        add(marks.heads, operand.slice(1, -2))
        add(marks.insideHeads, operand.slice(-2))
      }
    }
    if (ATTENTION.test(node.opType)) {
      // The width of its operands is heads × width of a head: the outer factor are heads.
      for (const dim of axes.map(operand => operand.at(-1))) {
        const parts = dim ? find(dim).parts : null
        if (parts?.kind !== 'product') continue
        add(marks.heads, [parts.of[0]])
        add(marks.insideHeads, parts.of.slice(1))
      }
    }
  }
  return marks
}
