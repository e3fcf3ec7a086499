/**
 * Raising a model's ai.onnx operator set to 10…21, for the few steps that are safe.
 *
 * These operators moved attributes into inputs without changing what they compute; they are rewritten:
 *   Slice (starts, ends, axes) at 10; Clip (min, max) and Pad (pads, value) at 11; Dropout (ratio) at 12;
 *   Squeeze, Unsqueeze, ReduceSum (axes), Split (split) at 13; ReduceMean and the other reductions (axes) at 18.
 * From 18 on, Split into equal parts says how many (num_outputs).
 * Before 13, Softmax, LogSoftmax and Hardmax took all axes from `axis` on together: they become Flatten → op → Reshape,
 * unless the axis is the last.
 * These changed their meaning, or moved in ways that depend on more than the node; a model with one is declined:
 *   Upsample and Resize (10, 11), TopK (10, 11), BatchNormalization below 9,
 *   RoiAlign, DFT and GridSample (20), GroupNormalization (21), AveragePool with ceil_mode (19), BatchNormalization
 *   that returns statistics (14), Scan (9), Loop, If and other operators with subgraphs (their bodies would have to
 *   change too).
 * Everything else that existed before kept its meaning. Source: https://github.com/onnx/onnx/blob/main/docs/Changelog.md
 */
import type { NodeProto } from 'onnx-buf'
import {
  attribute,
  floatAttribute,
  intAttribute,
  intsAttribute,
  makeAttribute,
  makeNode,
  stringAttribute,
} from '../onnx/build'
import { describeNode } from '../onnx/graph'
import { type Model, normalDomain } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'

const NEWEST = 21

/** Operators whose meaning changed in an opset, so that nodes of an older one must not be carried over it. */
const CHANGED: Record<string, number> = {
  Upsample: 10,
  Resize: 11,
  TopK: 11,
  RoiAlign: 16,
  DFT: 20,
  GridSample: 20,
  GroupNormalization: 21,
  Scan: 9,
  BatchNormalization: 9,
  RNN: 7,
  Gemm: 7,
  Add: 7,
  Mul: 7,
}

/** Reasons why the model cannot be raised; empty when it can. */
export function opsetObstacles(model: Model, target: number): string[] {
  const from = model.opset()
  const reasons: string[] = []
  if (from < 7) reasons.push(`opset ${from} is older than 7`)
  if (target > NEWEST) reasons.push(`opset ${target} is newer than ${NEWEST}`)
  for (const node of model.graph.nodes) {
    if (normalDomain(node.domain) !== '') continue
    const since = changedSince(node, from, target)
    if (since !== undefined) {
      reasons.push(`${describeNode(node)} means something else since opset ${since}`)
    }
    if (node.attribute.some(a => a.g !== undefined || a.graphs.length > 0)) {
      reasons.push(`${describeNode(node)} holds subgraphs`)
    }
  }
  return reasons
}

/** The first opset of those up to `target` in which the node means something else than in `from`. */
function changedSince(node: NodeProto, from: number, target: number): number | undefined {
  const changes = [CHANGED[node.opType] ?? 0]
  if (node.opType === 'AveragePool' && intAttribute(node, 'ceil_mode', 0)) changes.push(19)
  if (node.opType === 'BatchNormalization' && node.output.length > 1) changes.push(14)
  return changes.find(since => from < since && target >= since)
}

/** Raises the operator set in place. Call only when there are no obstacles. */
export function raiseOpset(model: Model, target: number): void {
  const from = model.opset()
  for (const node of [...model.graph.nodes]) {
    if (normalDomain(node.domain) !== '') continue
    for (const step of MOVES[node.opType] ?? []) {
      if (from < step.since && target >= step.since) step.rewrite(model, node)
    }
  }
  for (const entry of model.proto.opsetImport) {
    if (normalDomain(entry.domain) === '') entry.version = BigInt(target)
  }
}

interface Move {
  since: number
  rewrite(model: Model, node: NodeProto): void
}

/** An INTS attribute becomes input `index`, when the node has it. */
function intsToInput(name: string, index: number): Move['rewrite'] {
  return (model, node) => {
    const ints = intsAttribute(node, name)
    if (!ints) return
    drop(node, name)
    addInput(model, node, index, name, 'int64', ints)
  }
}

/** op(x) over all axes from `axis` on = Reshape(op(Flatten(x, axis)), Shape(x)). */
const flattened: Move = {
  since: 13,
  rewrite(model, node) {
    const axis = intAttribute(node, 'axis', 1)
    drop(node, 'axis')
    node.attribute.push(makeAttribute('axis', -1n))
    if (axis === -1) return
    const { graph } = model
    const [input, output] = [node.input[0] as string, node.output[0] as string]
    const [shape, flat, result] = ['shape', 'flat', 'result'].map(part =>
      graph.freshName(`${output}_${part}`),
    ) as [string, string, string]
    graph.add(makeNode('Shape', [input], [shape], {}, { name: shape }))
    graph.add(makeNode('Flatten', [input], [flat], { axis: BigInt(axis) }, { name: flat }))
    graph.setInput(node, 0, flat)
    graph.setOutput(node, 0, result)
    graph.add(
      makeNode('Reshape', [result, shape], [output], {}, { name: graph.freshName(`${output}_unflat`) }),
    )
  },
}

const axesAt13: Move[] = [{ since: 13, rewrite: intsToInput('axes', 1) }]
const axesAt18: Move[] = [{ since: 18, rewrite: intsToInput('axes', 1) }]

const MOVES: Record<string, Move[]> = {
  Softmax: [flattened],
  LogSoftmax: [flattened],
  Hardmax: [flattened],
  Squeeze: axesAt13,
  Unsqueeze: axesAt13,
  ReduceSum: axesAt13,
  ReduceL1: axesAt18,
  ReduceL2: axesAt18,
  ReduceLogSum: axesAt18,
  ReduceLogSumExp: axesAt18,
  ReduceMax: axesAt18,
  ReduceMean: axesAt18,
  ReduceMin: axesAt18,
  ReduceProd: axesAt18,
  ReduceSumSquare: axesAt18,
  Split: [
    { since: 13, rewrite: intsToInput('split', 1) },
    {
      since: 18,
      rewrite(_, node) {
        if (!node.input[1]) node.attribute.push(makeAttribute('num_outputs', BigInt(node.output.length)))
      },
    },
  ],
  Dropout: [{ since: 12, rewrite: (_, node) => drop(node, 'ratio') }],
  Clip: [
    {
      since: 11,
      rewrite(model, node) {
        for (const [index, name] of [
          [1, 'min'],
          [2, 'max'],
        ] as const) {
          if (!attribute(node, name)) continue
          const value = floatAttribute(node, name, 0)
          drop(node, name)
          addInput(model, node, index, name, 'float32', [value], [])
        }
      },
    },
  ],
  Pad: [
    {
      since: 11,
      rewrite(model, node) {
        const value = floatAttribute(node, 'value', 0)
        const constant = stringAttribute(node, 'mode', 'constant') === 'constant'
        intsToInput('pads', 1)(model, node)
        drop(node, 'value')
        if (constant && value !== 0) addInput(model, node, 2, 'value', 'float32', [value], [])
      },
    },
  ],
  Slice: [
    {
      since: 10,
      rewrite(model, node) {
        for (const [index, name] of ['starts', 'ends', 'axes'].entries()) {
          intsToInput(name, index + 1)(model, node)
        }
      },
    },
  ],
}

function drop(node: NodeProto, name: string): void {
  node.attribute = node.attribute.filter(a => a.name !== name)
}

function addInput(
  model: Model,
  node: NodeProto,
  index: number,
  name: string,
  type: 'int64' | 'float32',
  values: number[],
  dims: number[] = [values.length],
): void {
  const tensor = makeTensor(model.graph.freshName(`${node.output[0]}_${name}`), type, dims, values)
  model.graph.setInitializer(tensor)
  model.graph.setInput(node, index, tensor.name)
}
