import type { NodeProto } from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import { makeNode } from '../onnx/build'
import { operatorKey, operatorRow } from '.'
import type { Cost } from './row'

/** Cost of a node whose inputs and outputs have the given dimensions; null for one that is not known. */
function cost(node: NodeProto, shapes: Record<string, number[] | null>): Cost | undefined {
  return operatorRow(node.opType, node.domain)?.cost(node, value => shapes[value] ?? undefined)
}

function ms(op: string, inputs: string[], attributes = {}): NodeProto {
  return makeNode(op, inputs, ['y'], attributes, { domain: 'com.microsoft' })
}

describe('cost', () => {
  const cases: [string, NodeProto, Record<string, number[]>, number][] = [
    // ResNet's first layer: 118 013 952, as every table of it says.
    [
      'Conv',
      makeNode('Conv', ['x', 'w'], ['y']),
      { x: [1, 3, 224, 224], w: [64, 3, 7, 7], y: [1, 64, 112, 112] },
      118_013_952,
    ],
    [
      'depthwise Conv',
      makeNode('Conv', ['x', 'w'], ['y'], { group: 32n }),
      { w: [32, 1, 3, 3], y: [1, 32, 10, 10] },
      32 * 100 * 9,
    ],
    [
      'ConvTranspose',
      makeNode('ConvTranspose', ['x', 'w'], ['y']),
      { x: [1, 8, 4, 4], w: [8, 6, 2, 2] },
      8 * 16 * 24,
    ],
    [
      'QLinearConv',
      makeNode('QLinearConv', ['x', 'a', 'b', 'w', 'c', 'd', 'e', 'f'], ['y']),
      { w: [4, 3, 3, 3], y: [1, 4, 5, 5] },
      100 * 27,
    ],
    [
      'MatMul',
      makeNode('MatMul', ['a', 'b'], ['y']),
      { a: [2, 5, 7], b: [7, 3], y: [2, 5, 3] },
      2 * 5 * 7 * 3,
    ],
    ['a dot product', makeNode('MatMul', ['a', 'b'], ['y']), { a: [7], b: [7], y: [] }, 7],
    [
      'Gemm of a transposed matrix',
      makeNode('Gemm', ['a', 'b'], ['y'], { transA: 1n }),
      { a: [7, 5], b: [7, 3], y: [5, 3] },
      105,
    ],
    ['MatMulNBits', ms('MatMulNBits', ['a', 'b'], { K: 64n, N: 10n }), { a: [1, 3, 64] }, 3 * 640],
    [
      'Einsum of two',
      makeNode('Einsum', ['a', 'b'], ['y'], { equation: 'bhqd, bhkd -> bhqk' }),
      { a: [1, 2, 3, 4], b: [1, 2, 5, 4] },
      2 * 3 * 5 * 4,
    ],
    [
      'Einsum of three with an ellipsis',
      makeNode('Einsum', ['a', 'b', 'c'], ['y'], { equation: '...ij,jk,kl->...il' }),
      { a: [6, 2, 3], b: [3, 4], c: [4, 5] },
      6 * 2 * 3 * 4 + 6 * 2 * 4 * 5,
    ],
    ['Einsum of one', makeNode('Einsum', ['a'], ['y'], { equation: 'ij->ji' }), { a: [6, 2] }, 0],
    [
      'LSTM',
      makeNode('LSTM', ['x', 'w', 'r'], ['y']),
      { x: [10, 1, 3], w: [2, 20, 3], r: [2, 20, 5] },
      10 * (2 * 20 * 3 + 2 * 20 * 5),
    ],
    [
      'Attention with projection',
      ms('Attention', ['x', 'w', 'b'], { num_heads: 2n }),
      { x: [1, 6, 8], w: [8, 24] },
      6 * 8 * 24 + 6 * 6 * 16,
    ],
    [
      'MultiHeadAttention',
      ms('MultiHeadAttention', ['q', 'k', 'v'], { num_heads: 2n }),
      { q: [1, 6, 8], k: [1, 9, 8], v: [1, 9, 8] },
      6 * 9 * 16,
    ],
    [
      'Attention of grouped heads with a past',
      makeNode('Attention', ['q', 'k', 'v', '', 'p', 'pv'], ['y']),
      { q: [1, 4, 2, 8], k: [1, 2, 3, 8], v: [1, 2, 3, 8], p: [1, 2, 5, 8], pv: [1, 2, 5, 8] },
      2 * 8 * (32 + 32),
    ],
    [
      'GroupQueryAttention, packed',
      ms('GroupQueryAttention', ['q', '', '', 'p', 'pv'], { num_heads: 4n, kv_num_heads: 2n }),
      { q: [1, 3, 64], p: [1, 2, 5, 8], pv: [1, 2, 5, 8] },
      3 * 8 * 2 * 32,
    ],
    [
      'a linear classifier',
      makeNode(
        'LinearClassifier',
        ['x'],
        ['y'],
        { coefficients: [1, 2, 3, 4, 5, 6] },
        { domain: 'ai.onnx.ml' },
      ),
      { x: [1, 3] },
      6,
    ],
    ['trees', makeNode('TreeEnsembleClassifier', ['x'], ['y'], {}, { domain: 'ai.onnx.ml' }), {}, 0],
    ['data movement', makeNode('Transpose', ['x'], ['y']), {}, 0],
    ['elementwise work', makeNode('Add', ['x', 'z'], ['y']), {}, 0],
  ]
  it.each(cases)('of %s', (_, node, shapes, macs) => {
    expect(cost(node, shapes)).toEqual({ macs })
  })

  it('is not made up where a shape is missing', () => {
    expect(cost(makeNode('Conv', ['x', 'w'], ['y']), { w: [4, 3, 3, 3] })).toEqual({
      unknown: 'The shapes of its inputs are not known.',
    })
    expect(cost(makeNode('Einsum', ['a', 'b'], ['y'], { equation: 'ij,jk' }), { a: [2, 3] })).toEqual({
      unknown: 'The shapes of its inputs are not known.',
    })
  })

  it('says why it cannot be told', () => {
    expect(cost(makeNode('If', ['c'], ['y']), {})).toEqual({
      unknown: 'Which branch runs is not known before it runs.',
    })
    expect(cost(ms('MoE', ['x']), {})).toEqual({
      unknown: 'The router decides while it runs which experts work.',
    })
    expect(operatorRow('Mine', 'my.domain')).toBeUndefined()
  })
})

/** Every operator of ai.onnx up to operator set 26 (onnx 1.23), deprecated ones included. */
const AI_ONNX = `Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
BatchNormalization Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike
CausalConvWithState Ceil Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv
ConvInteger ConvTranspose Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout
DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow
HardSigmoid HardSwish Hardmax Identity If ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization
LeakyRelu Less LessOrEqual LinearAttention Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool
MaxRoiPool MaxUnpool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg
NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad
Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform
RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter
ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth
Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum SwiGLU Swish Tan Tanh TensorScatter
TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor`.split(/\s+/)

describe('the table', () => {
  it('has a row for every operator of ai.onnx', () => {
    expect(AI_ONNX).toHaveLength(203)
    expect(AI_ONNX.filter(op => !operatorRow(op, ''))).toEqual([])
    expect(operatorRow('Conv', 'ai.onnx')).toBe(operatorRow('Conv', ''))
  })

  it('does not take a name of one domain for that of another', () => {
    expect(operatorRow('FusedConv', '')).toBeUndefined()
    expect(operatorRow('Attention', 'com.microsoft')).not.toBe(operatorRow('Attention', ''))
    expect(operatorKey('Conv', 'ai.onnx')).toBe('Conv')
    expect(operatorKey('FusedConv', 'com.microsoft')).toBe('com.microsoft:FusedConv')
  })
})
