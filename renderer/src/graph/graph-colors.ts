/** Colours of nodes: a hue per kind of operator, or stronger the more parameters they have. */
import type { GraphNode } from '../../../shared/training'
import { categories, colors } from '../ui/theme'

export const KINDS = [
  'convolution',
  'matrix product',
  'normalization',
  'activation',
  'pooling and sums',
  'elementwise',
  'movement',
  'quantization',
  'other',
] as const
export type OpKind = (typeof KINDS)[number]

const OPS: Partial<Record<OpKind, readonly string[]>> = {
  convolution: ['Conv', 'ConvTranspose', 'ConvInteger', 'QLinearConv', 'DeformConv', 'FusedConv', 'NhwcConv'],
  'matrix product': [
    'Gemm',
    'MatMul',
    'Einsum',
    'FusedMatMul',
    'FusedGemm',
    'MatMulInteger',
    'QLinearMatMul',
    'QGemm',
    'MatMulNBits',
    'DynamicQuantizeMatMul',
    'MatMulIntegerToFloat',
    'Attention',
    'MultiHeadAttention',
    'LSTM',
    'GRU',
    'RNN',
  ],
  activation: [
    'Relu',
    'Sigmoid',
    'Tanh',
    'Gelu',
    'FastGelu',
    'BiasGelu',
    'QuickGelu',
    'Elu',
    'Selu',
    'Celu',
    'LeakyRelu',
    'PRelu',
    'HardSigmoid',
    'HardSwish',
    'Mish',
    'Softplus',
    'Softsign',
    'ThresholdedRelu',
    'Softmax',
    'LogSoftmax',
    'Erf',
    'Clip',
    'Swish',
  ],
  'pooling and sums': ['ArgMax', 'ArgMin', 'TopK', 'CumSum'],
  elementwise: [
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Pow',
    'Sqrt',
    'Exp',
    'Log',
    'Neg',
    'Abs',
    'Reciprocal',
    'Sum',
    'Mean',
    'Max',
    'Min',
    'Where',
    'Equal',
    'Greater',
    'Less',
    'Not',
    'And',
    'Or',
    'Sin',
    'Cos',
    'Floor',
    'Ceil',
    'Round',
    'Sign',
    'Mod',
  ],
  movement: [
    'Reshape',
    'Transpose',
    'Flatten',
    'Squeeze',
    'Unsqueeze',
    'Concat',
    'Split',
    'Slice',
    'Gather',
    'GatherElements',
    'GatherND',
    'ScatterND',
    'ScatterElements',
    'Pad',
    'Expand',
    'Tile',
    'Resize',
    'Upsample',
    'DepthToSpace',
    'SpaceToDepth',
    'Identity',
    'Shape',
    'Constant',
    'ConstantOfShape',
    'Range',
    'Dropout',
  ],
  quantization: ['Cast', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'],
}

const BY_OP = new Map(Object.entries(OPS).flatMap(([kind, ops]) => ops.map(op => [op, kind] as const)))

/** Kind of an operator; of `com.microsoft.FusedConv` as of `FusedConv`. */
export function kindOf(op: string): OpKind {
  const bare = op.split('.').at(-1) ?? op
  const named = KINDS.find(k => k === BY_OP.get(bare))
  if (named) return named
  if (/Norm/.test(bare)) return 'normalization'
  if (/Pool|^Reduce/.test(bare)) return 'pooling and sums'
  return 'other'
}

export function kindColor(kind: OpKind): string {
  return kind === 'other' ? colors.faint : (categories[KINDS.indexOf(kind)] ?? colors.faint)
}

export type ColorBy = 'kind' | 'parameters'

/** Colour of a node. Parameters are compared with the largest node's, on a log scale from a thousandth of it. */
export function nodeColors(nodes: readonly GraphNode[], by: ColorBy): (node: GraphNode) => string {
  if (by === 'kind') return node => kindColor(kindOf(node.op))
  const most = Math.max(1, ...nodes.map(n => n.parameters))
  return node => {
    if (node.parameters <= 0) return colors.border
    const share = Math.max(0, 1 + Math.log10(node.parameters / most) / 3)
    return `color-mix(in srgb, ${colors.accent} ${Math.round(25 + share * 75)}%, ${colors.border})`
  }
}

/** Kinds that appear, in the order of the list. */
export function kindsIn(nodes: readonly GraphNode[]): OpKind[] {
  const found = new Set(nodes.map(n => kindOf(n.op)))
  return KINDS.filter(k => found.has(k))
}
