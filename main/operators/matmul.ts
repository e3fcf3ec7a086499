/**
 * Matrix products. Every output element is a sum over the contracted axis: macs = prod(Y) · K.
 * Sparse and block-quantized weights count as dense ones: ORT computes them as dense.
 */

import type { NodeProto } from 'onnx-buf'
import { intAttribute, stringAttribute } from '../onnx/build'
import { FUSED, NO_KERNEL, QUANTIZED, unsupported } from './gradient'
import { gemmRule, matmul as times } from './matmul-gradient'
import type { MatmulOp } from './names'
import {
  type Cost,
  type CostRow,
  fromInputs,
  type OpRow,
  product,
  row,
  SHAPES_UNKNOWN,
  type Shapes,
  unknownCost,
} from './row'

/** Y = A·B with A at input 0; K is A's last axis, or the one before when the node transposes A. */
const matrices: CostRow = fromInputs([0], ([a], node, shapes) => {
  const y = shapes(node.output[0] ?? '')
  if (!a || !y) return undefined
  const transposed = intAttribute(node, 'transA', 0) !== 0 && a.length > 1
  return product(y) * (a.at(transposed ? -2 : -1) ?? 1)
})

/** Y = A·B where B is packed and the node says how wide it is: attributes K and N. */
const packed: CostRow = fromInputs([0], ([a], node) => a && product(a) * intAttribute(node, 'N', 0))

/** Pairwise distances of the rows of A [M, K] and B [N, K]. */
const distances: CostRow = fromInputs([0, 1], ([a, b]) => a && b && product(a) * (b[0] ?? 1))

/**
 * Einsum, taken from left to right two operands at a time as ORT does: each step multiplies over all labels the two
 * hold; labels needed by no later operand nor by the output are summed away in it.
 */
function einsum(node: NodeProto, shapes: Shapes): Cost {
  const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '')
  const [left = '', right] = equation.split('->')
  const terms = left.split(',')
  const dims = node.input.map(shapes)
  const sizes = new Map<string, number>()
  const labels: string[][] = []
  for (const [i, term] of terms.entries()) {
    const shape = dims[i]
    const expanded = shape && expandEllipsis(term, shape.length)
    if (!shape || !expanded || expanded.length !== shape.length) return SHAPES_UNKNOWN
    labels.push(expanded)
    expanded.forEach((label, axis) => {
      sizes.set(label, Math.max(sizes.get(label) ?? 1, shape[axis] ?? 1))
    })
  }
  const all = labels.flat()
  const output =
    right === undefined
      ? all.filter(label => label.startsWith('.') || all.filter(l => l === label).length === 1)
      : [...right.replace('...', ''), ...all.filter(label => label.startsWith('.'))]
  let macs = 0
  let held = new Set(labels[0])
  for (let i = 1; i < labels.length; i++) {
    const both = new Set([...held, ...(labels[i] ?? [])])
    macs += product([...both].map(label => sizes.get(label) ?? 1))
    const later = new Set([...labels.slice(i + 1).flat(), ...output])
    held = new Set([...both].filter(label => later.has(label)))
  }
  return { macs }
}

/** One label per axis; axes under the ellipsis are numbered from the last (.0), so that they align by broadcasting. */
function expandEllipsis(term: string, rank: number): string[] {
  const [before = '', after] = term.split('...')
  if (after === undefined) return [...before]
  const hidden = rank - before.length - after.length
  const middle = Array.from({ length: Math.max(0, hidden) }, (_, i) => `.${hidden - 1 - i}`)
  return [...before, ...middle, ...after]
}

const EXPERTS = 'The router decides while it runs which experts work.'

export const matmul = {
  MatMul: row(matrices, times),
  Gemm: row(matrices, gemmRule),
  Einsum: row({ cost: einsum }, 'expanded'),
  MatMulInteger: row(matrices, QUANTIZED),
  QLinearMatMul: row(matrices, QUANTIZED),
  Det: row(
    unknownCost('The number of products depends on the algorithm.'),
    unsupported('Its gradient is not written.'),
  ),
  'com.microsoft:CDist': row(distances, FUSED),
  'com.microsoft:DynamicQuantizeMatMul': row(matrices, QUANTIZED),
  'com.microsoft:FusedGemm': row(matrices, 'expanded'),
  'com.microsoft:FusedMatMul': row(matrices, 'expanded'),
  'com.microsoft:FusedMatMulActivation': row(matrices, NO_KERNEL),
  'com.microsoft:GemmFastGelu': row(matrices, NO_KERNEL),
  'com.microsoft:GemmFloat8': row(matrices, QUANTIZED),
  'com.microsoft:Inverse': row(unknownCost('The number of products depends on the algorithm.'), FUSED),
  'com.microsoft:MatMulBnb4': row(packed, QUANTIZED),
  'com.microsoft:MatMulFpQ4': row(matrices, QUANTIZED),
  'com.microsoft:MatMulInteger16': row(matrices, QUANTIZED),
  'com.microsoft:MatMulIntegerToFloat': row(matrices, QUANTIZED),
  'com.microsoft:MatMulNBits': row(packed, QUANTIZED),
  'com.microsoft:MoE': row(unknownCost(EXPERTS), FUSED),
  'com.microsoft:QGemm': row(matrices, QUANTIZED),
  'com.microsoft:QMoE': row(unknownCost(EXPERTS), QUANTIZED),
  'com.microsoft:QOrderedMatMul': row(matrices, QUANTIZED),
  'com.microsoft:SparseToDenseMatMul': row(matrices, NO_KERNEL),
  'com.microsoft:TransposeMatMul': row(matrices, 'expanded'),
} satisfies Record<MatmulOp, OpRow>
