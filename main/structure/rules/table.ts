/**
 * The channel rule of every operator that has one. One that has none is opaque: what it touches keeps its size, and the
 * groups it stops name it.
 */
import { intAttribute } from '../../onnx/build'
import { operatorKey } from '../../operators'
import type { OpType } from '../../operators/names'
import type { ChannelRule } from '../flow'
import * as fused from './attention'
import * as each from './elementwise'
import * as linear from './linear'
import * as move from './movement'
import * as norm from './normalization'
import { quantized } from './quantized'
import * as sequence from './sequence'
import * as target from './target'

const ELEMENTWISE = [
  ...(['Celu', 'Clip', 'Elu', 'Gelu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'Mish', 'PRelu'] as const),
  ...(['Relu', 'Selu', 'Shrink', 'Sigmoid', 'Softplus', 'Softsign', 'Swish', 'Tanh'] as const),
  ...(['ThresholdedRelu', 'Abs', 'Acos', 'Acosh', 'Add', 'And', 'Asin', 'Asinh', 'Atan', 'Atanh'] as const),
  ...(['BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor', 'Ceil', 'Cos', 'Cosh'] as const),
  ...(['Div', 'Equal', 'Erf', 'Exp', 'Floor', 'Greater', 'GreaterOrEqual', 'IsInf', 'IsNaN'] as const),
  ...(['Less', 'LessOrEqual', 'Log', 'Max', 'Mean', 'Min', 'Mod', 'Mul', 'Neg', 'Not', 'Or', 'Pow'] as const),
  ...(['Reciprocal', 'Round', 'Sign', 'Sin', 'Sinh', 'Sqrt', 'Sub', 'Sum', 'Tan', 'Where', 'Xor'] as const),
  ...(['Cast', 'Identity', 'com.microsoft:BiasAdd', 'com.microsoft:BiasGelu'] as const),
  ...(['com.microsoft:FastGelu', 'com.microsoft:Gelu', 'com.microsoft:QuickGelu'] as const),
] satisfies readonly OpType[]

const FIRST = ['CastLike', 'Dropout', 'Bernoulli', 'LpNormalization'] satisfies readonly OpType[]
const SOFTMAX = ['Softmax', 'LogSoftmax', 'Hardmax'] satisfies readonly OpType[]
const EXACT_SUMS = ['ReduceL1', 'ReduceL2', 'ReduceSum', 'ReduceSumSquare'] satisfies readonly OpType[]
const COUNTING = [
  ...(['ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd'] as const),
] satisfies readonly OpType[]
const PLACES = ['MaxPool', 'AveragePool', 'LpPool'] satisfies readonly OpType[]
const GLOBAL = ['GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool'] satisfies readonly OpType[]
const REGROUP = ['Flatten', 'Squeeze', 'Unsqueeze'] satisfies readonly OpType[]
const SHAPE_ONLY = [
  ...(['Shape', 'Size', 'Range', 'Constant', 'EyeLike', 'RandomNormal', 'RandomUniform'] as const),
] satisfies readonly OpType[]
const RMS = [
  ...(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'] as const),
] satisfies readonly OpType[]
const SKIP_NORM = [
  ...(['com.microsoft:SkipLayerNormalization', 'com.microsoft:SkipSimplifiedLayerNormalization'] as const),
] satisfies readonly OpType[]

const OTHERS = {
  ArgMax: each.argmax,
  ArgMin: each.argmax,
  Attention: fused.attention,
  BatchNormalization: norm.batchNormalization,
  Concat: move.concat,
  ConstantOfShape: target.constantOfShape,
  Conv: linear.conv,
  ConvTranspose: linear.convTranspose,
  CumSum: each.alongAxis(s => s.ints(1)?.[0]),
  DepthToSpace: move.depthToSpace,
  DequantizeLinear: quantized,
  Einsum: linear.einsum,
  Expand: target.expand,
  GRU: sequence.recurrent(3),
  Gather: move.gather,
  Gemm: linear.gemm,
  GridSample: move.sampled,
  GroupNormalization: norm.groupNormalization,
  InstanceNormalization: norm.instanceNormalization,
  LRN: norm.lrn,
  LSTM: sequence.recurrent(4),
  MatMul: linear.matmul,
  MaxRoiPool: move.sampled,
  MeanVarianceNormalization: norm.meanVariance,
  Pad: move.pad,
  QuantizeLinear: quantized,
  RNN: sequence.recurrent(1),
  Reshape: target.reshape,
  Resize: target.resize,
  ReverseSequence: each.alongAxis(s => intAttribute(s.node, 'time_axis', 0)),
  RotaryEmbedding: fused.rotary([3, 1, 2]),
  RoiAlign: move.sampled,
  Slice: move.slice,
  SpaceToDepth: move.spaceToDepth,
  Split: move.split,
  Tile: target.tile,
  TopK: each.topK,
  Transpose: move.transpose,
  Trilu: move.trilu,
  Upsample: target.resize,
  'com.microsoft:Attention': fused.packedAttention,
  'com.microsoft:EmbedLayerNormalization': norm.embedLayerNormalization,
  'com.microsoft:FusedConv': linear.conv,
  'com.microsoft:FusedGemm': linear.gemm,
  'com.microsoft:FusedMatMul': linear.fusedMatMul,
  'com.microsoft:GroupQueryAttention': fused.groupQueryAttention,
  'com.microsoft:MultiHeadAttention': fused.multiHeadAttention,
  'com.microsoft:RotaryEmbedding': fused.rotary([1, 2, 3]),
} satisfies Partial<Record<OpType, ChannelRule>>

const RULES = new Map<string, ChannelRule>([
  ...Object.entries(OTHERS),
  ...rows(ELEMENTWISE, each.elementwise),
  ...rows(FIRST, each.first),
  ...rows(SOFTMAX, each.softmax),
  ...rows(EXACT_SUMS, each.reduction(false)),
  ...rows(COUNTING, each.reduction(true)),
  ...rows(PLACES, move.places),
  ...rows(GLOBAL, move.globalPool),
  ...rows(REGROUP, move.regroup),
  ...rows(SHAPE_ONLY, move.shapeOnly),
  ...rows(RMS, norm.layerNormalization),
  ...rows(SKIP_NORM, norm.skipLayerNormalization),
])

function rows(names: readonly string[], rule: ChannelRule): [string, ChannelRule][] {
  return names.map(name => [name, rule])
}

/** The rule of an operator; undefined when it has none. '' and 'ai.onnx' are one domain. */
export function channelRule(opType: string, domain: string): ChannelRule | undefined {
  return RULES.get(operatorKey(opType, domain))
}
