/**
 * Gradient conformance as data: for every operator with a rule at least one spec. Imported by tests only.
 * Inputs are random in `domain` (default [−2, 2]) and stay 0.1 away from the points in `avoid`, where the operator bends;
 * `distinct` ones are all different by 0.1 or more. Integer inputs are constants.
 */
import type { AttributeValue } from '../onnx/build'
import type { GradientSpec, IntegerInput, RealInput } from './spec'
import { EXPANDED_SPECS } from './specs-expanded'

const x: RealInput = { dims: [2, 3, 4] }
const at = (...dims: number[]): RealInput => ({ dims })
const inside = (low: number, high: number): RealInput => ({ dims: [2, 3, 4], domain: [low, high] })
const bend = (...avoid: number[]): RealInput => ({ dims: [2, 3, 4], avoid })
const ints = (...list: number[]): IntegerInput => ({ ints: list })
const row: RealInput = { dims: [3, 1] }
const column: RealInput = { dims: [4] }
const one = (
  op: string,
  input: RealInput = x,
  attributes: Record<string, AttributeValue> = {},
): GradientSpec => ({
  op,
  inputs: [input],
  attributes,
})

const smooth = 'Sin Cos Tanh Sigmoid Softplus Erf Exp Sinh Cosh Asinh Atan Neg Identity Softmax LogSoftmax'
const nearTie: RealInput = { dims: [2, 3, 4], distinct: true }

const elementwise: GradientSpec[] = [
  ...smooth.split(' ').map(op => one(op)),
  one('Softmax', x, { axis: 1n }),
  one('LogSoftmax', x, { axis: 0n }),
  one('Abs', bend(0)),
  one('Acos', inside(-0.8, 0.8)),
  one('Acosh', inside(1.5, 3)),
  one('Asin', inside(-0.8, 0.8)),
  one('Atanh', inside(-0.8, 0.8)),
  one('Tan', inside(-1, 1)),
  one('Log', inside(0.5, 3)),
  one('Sqrt', inside(0.5, 3)),
  one('Reciprocal', inside(0.5, 3)),
  one('Celu', bend(0), { alpha: 0.7 }),
  one('Elu', bend(0), { alpha: 0.7 }),
  one('Selu', bend(0)),
  one('Relu', bend(0)),
  one('LeakyRelu', bend(0), { alpha: 0.2 }),
  one('ThresholdedRelu', bend(0.5), { alpha: 0.5 }),
  { ...one('Shrink', bend(-0.5, 0.5), { lambd: 0.5, bias: 0.1 }), single: true },
  one('Softsign', bend(0)),
  one('HardSigmoid', bend(-1.5, 2), { alpha: 0.25, beta: 0.4 }),
  one('HardSwish', { dims: [40], domain: [-5, 5], avoid: [-3, 3] }),
  { ...one('Mish'), opset: 18 },
  { ...one('Gelu'), opset: 20 },
  { ...one('Gelu', x, { approximate: 'tanh' }), opset: 20 },
  one('com.microsoft:Gelu'),
  { op: 'com.microsoft:BiasGelu', inputs: [x, at(4)] },
  { op: 'com.microsoft:FastGelu', inputs: [x, at(4)] },
  one('com.microsoft:FastGelu'),
  one('com.microsoft:QuickGelu', x, { alpha: 1.5 }),
  { ...one('Swish', x, { alpha: 1.3 }), opset: 24 },
  { op: 'Clip', inputs: [bend(-1, 1), { dims: [], fixed: [-1] }, { dims: [], fixed: [1] }] },
  { op: 'Clip', inputs: [bend(-0.5), { dims: [], fixed: [-0.5] }] },
  { op: 'PRelu', inputs: [bend(0), row] },
  ...['Add', 'Sub', 'Mul'].flatMap(op => [
    { op, inputs: [x, x] },
    { op, inputs: [row, x] },
    { op, inputs: [row, column] },
    { op, inputs: [x, at()] },
  ]),
  { op: 'Div', inputs: [x, { ...row, domain: [0.5, 2] }] },
  {
    op: 'Mod',
    inputs: [
      { dims: [3], fixed: [5.3, -4.2, 7.7] },
      { dims: [3], domain: [1.9, 2.1] },
    ],
    attributes: { fmod: 1n },
  },
  { op: 'Pow', inputs: [inside(0.5, 2), row] },
  { op: 'Pow', inputs: [x, { dims: [], fixed: [2] }] },
  { op: 'Pow', inputs: [x, { dims: [], fixed: [3] }] },
  { op: 'Max', inputs: [nearTie, { dims: [4], domain: [0.03, 0.04] }, { dims: [4], domain: [0.55, 0.56] }] },
  { op: 'Min', inputs: [nearTie, { dims: [4], domain: [0.03, 0.04] }] },
  { op: 'Mean', inputs: [x, row, column] },
  { op: 'Sum', inputs: [x, row, column] },
  { op: 'Where', inputs: [{ ints: [1, 0, 1, 0], dims: [4], bool: true }, x, row] },
  { op: 'CumSum', inputs: [x, { ints: [1], dims: [] }], attributes: { exclusive: 1n } },
]

const REDUCTIONS = 'L1 L2 LogSum LogSumExp Max Mean Min Prod SumSquare'.split(' ')
const reductions: GradientSpec[] = [
  ...REDUCTIONS.flatMap(name => {
    const input = name === 'LogSum' ? inside(0.5, 2) : /Max|Min/.test(name) ? nearTie : bend(0)
    const op = `Reduce${name}`
    return [
      { ...one(op, input, { axes: [1n, -1n], keepdims: 0n }) },
      { ...one(op, input, { axes: [1n] }) },
      { ...one(op, input) },
      { op, inputs: [input, ints(0, 2)], opset: 18, attributes: { keepdims: 0n } },
    ]
  }),
  { op: 'ReduceSum', inputs: [x, ints(1)] },
  { op: 'ReduceSum', inputs: [x, ints(0, -1)], attributes: { keepdims: 0n } },
  { op: 'ReduceSum', inputs: [x], attributes: { noop_with_empty_axes: 1n } },
]

const products: GradientSpec[] = [
  { op: 'MatMul', inputs: [at(3, 4), at(4, 5)] },
  { op: 'MatMul', inputs: [at(2, 3, 4), at(4, 5)] },
  { op: 'MatMul', inputs: [at(2, 1, 3, 4), at(3, 4, 5)] },
  { op: 'MatMul', inputs: [at(4), at(4, 5)] },
  { op: 'MatMul', inputs: [at(2, 3, 4), at(4)] },
  { op: 'MatMul', inputs: [at(4), at(2, 4, 5)] },
  { op: 'MatMul', inputs: [at(4), at(4)] },
  ...[0n, 1n].flatMap(transA =>
    [0n, 1n].map(transB => ({
      op: 'Gemm',
      inputs: [transA ? at(4, 3) : at(3, 4), transB ? at(5, 4) : at(4, 5), at(5)],
      attributes: { transA, transB, alpha: 0.7, beta: 1.3 },
    })),
  ),
]

const moves: GradientSpec[] = [
  one('Transpose', x, { perm: [2n, 0n, 1n] }),
  one('Transpose'),
  one('Flatten', x, { axis: 2n }),
  { op: 'Reshape', inputs: [x, ints(4, -1)] },
  { op: 'Squeeze', inputs: [at(2, 1, 3), ints(1)] },
  { op: 'Unsqueeze', inputs: [x, ints(0, -1)] },
  { op: 'Expand', inputs: [row, ints(2, 3, 4)] },
  { op: 'Tile', inputs: [x, ints(2, 1, 3)] },
  { op: 'Concat', inputs: [x, at(2, 1, 4), at(2, 2, 4)], attributes: { axis: 1n } },
  { op: 'Split', inputs: [x, ints(1, 3)], outputs: 2, attributes: { axis: -1n } },
  { op: 'Slice', inputs: [x, ints(1, -3), ints(3, 9), ints(1, 2)] },
  { op: 'Slice', inputs: [x, ints(-1, 0), ints(-99, 4), ints(1, 2), ints(-2, 3)] },
  { op: 'Pad', inputs: [x, ints(0, 1, 2, 1, 0, 1)] },
  { op: 'Pad', inputs: [x, ints(0, -1, 2, 1, 0, -1)] },
  { op: 'Pad', inputs: [x, ints(0, 1, 2, 1, 0, 1)], attributes: { mode: 'reflect' } },
  { op: 'Pad', inputs: [x, ints(1, 0, 2, 0, 0, 1)], attributes: { mode: 'edge' } },
  { op: 'OneHot', inputs: [ints(1, 3, 1), ints(4), at(2)] },
  { op: 'ReverseSequence', inputs: [at(4, 2, 3), ints(4, 2)] },
  {
    op: 'Col2Im',
    inputs: [at(2, 12, 12), ints(4, 5), ints(2, 2)],
    opset: 18,
  },
  {
    op: 'Col2Im',
    inputs: [at(1, 12, 4), ints(4, 4), ints(3, 2)],
    attributes: { pads: [1n, 0n, 1n, 0n], strides: [2n, 1n], dilations: [1n, 2n] },
    opset: 18,
  },
  { op: 'com.microsoft:ExpandDims', inputs: [x, { ints: [1], dims: [], int32: true }] },
  { op: 'Gather', inputs: [x, { ints: [2, 0, 2, -1], dims: [2, 2] }], attributes: { axis: 1n } },
  { op: 'Gather', inputs: [at(5, 3), { ints: [1, 1, 4] }] },
  { op: 'Gather', inputs: [x, { ints: [1], dims: [] }], attributes: { axis: 2n } },
  { op: 'GatherElements', inputs: [at(3, 4), { ints: [0, 0, 2, 1, 1, 1], dims: [2, 3] }] },
  { op: 'GatherND', inputs: [x, { ints: [0, 1, 1, 2, 0, 1], dims: [3, 2] }] },
  { op: 'ScatterND', inputs: [x, { ints: [0, 1, 1, 2], dims: [2, 2] }, at(2, 4)] },
  {
    op: 'ScatterND',
    inputs: [x, { ints: [0, 0], dims: [2, 1] }, at(2, 3, 4)],
    attributes: { reduction: 'add' },
  },
  { op: 'ScatterElements', inputs: [at(3, 4), { ints: [0, 1, 2, 2], dims: [1, 4] }, at(1, 4)] },
  { op: 'TopK', inputs: [nearTie, ints(2)] },
  { op: 'Trilu', inputs: [at(3, 4, 4)], attributes: { upper: 0n } },
  one('DepthToSpace', at(2, 8, 2, 3), { blocksize: 2n }),
  one('DepthToSpace', at(2, 8, 2, 3), { blocksize: 2n, mode: 'CRD' }),
  one('SpaceToDepth', at(2, 3, 4, 6), { blocksize: 2n }),
  { ...one('Cast', x, { to: 1n }), single: true },
  { op: 'CastLike', inputs: [x, { dims: [1], fixed: [0] }] },
]

const conv = (
  data: number[],
  weight: number[],
  attributes: Record<string, AttributeValue> = {},
  bias?: number,
) => ({
  op: 'Conv',
  inputs: [at(...data), at(...weight), ...(bias ? [at(bias)] : [])],
  attributes,
})
const convolutions: GradientSpec[] = [
  conv([2, 3, 5, 6], [4, 3, 3, 3], { pads: [1n, 1n, 1n, 1n] }, 4),
  conv([2, 3, 7, 6], [4, 3, 3, 2], { strides: [2n, 3n], pads: [0n, 1n, 1n, 0n] }),
  conv([2, 4, 6, 6], [6, 2, 3, 3], { group: 2n, dilations: [2n, 1n] }),
  conv([2, 4, 6, 6], [4, 1, 3, 3], { group: 4n, strides: [2n, 2n], pads: [1n, 1n, 1n, 1n] }),
  conv([2, 4, 6, 6], [8, 1, 3, 3], { group: 4n, pads: [1n, 1n, 1n, 1n] }, 8),
  conv([2, 3, 4, 5], [4, 3, 1, 1], {}, 4),
  conv([2, 3, 5, 5], [4, 3, 1, 1], { strides: [3n, 3n] }),
  conv([2, 3, 8, 8], [4, 3, 1, 1], { strides: [4n, 4n] }),
  conv([2, 3, 9], [4, 3, 3], { strides: [2n], auto_pad: 'SAME_UPPER' }),
  conv([2, 3, 8], [4, 3, 2], { auto_pad: 'SAME_LOWER' }),
  conv([1, 2, 4, 5, 4], [3, 2, 2, 3, 2], { pads: [1n, 0n, 0n, 0n, 1n, 1n] }, 3),
  conv([1, 2, 5, 5, 5], [3, 2, 2, 2, 2], { strides: [2n, 2n, 2n] }),
  conv([1, 2, 3, 3], [3, 2, 1, 1], { pads: [2n, 2n, 2n, 2n] }),
  {
    op: 'ConvTranspose',
    inputs: [at(2, 3, 4, 4), at(3, 2, 3, 3), at(2)],
    attributes: { strides: [2n, 2n], pads: [1n, 1n, 1n, 1n], output_padding: [1n, 1n] },
  },
  { op: 'ConvTranspose', inputs: [at(2, 4, 5), at(4, 3, 3)], attributes: { group: 2n } },
]

const pools: GradientSpec[] = [
  one('MaxPool', { dims: [2, 2, 6, 6], distinct: true }, { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
  one(
    'MaxPool',
    { dims: [2, 2, 5, 5], distinct: true },
    { kernel_shape: [3n, 3n], strides: [2n, 2n], pads: [1n, 1n, 1n, 1n] },
  ),
  one('AveragePool', at(2, 3, 6, 6), { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
  one('AveragePool', at(2, 3, 5, 5), { kernel_shape: [3n, 2n], strides: [2n, 1n], pads: [1n, 0n, 1n, 1n] }),
  one('AveragePool', at(2, 3, 5, 5), {
    kernel_shape: [3n, 3n],
    pads: [1n, 1n, 1n, 1n],
    count_include_pad: 1n,
  }),
  one('AveragePool', at(2, 3, 7), { kernel_shape: [3n], strides: [3n], ceil_mode: 1n }),
  one('GlobalAveragePool', at(2, 3, 4, 5)),
  one('GlobalMaxPool', { dims: [2, 2, 4, 3], distinct: true }),
]

const scales = (...list: number[]): RealInput => ({ dims: [list.length], fixed: list, plain: true })
const small = at(2, 2, 3, 5)
const resize = (attributes: Record<string, AttributeValue>, ...list: number[]): GradientSpec => ({
  op: 'Resize',
  inputs: [small, undefined, scales(1, 1, ...list)],
  attributes,
})
const linear = { mode: 'linear' }
const cubic = { mode: 'cubic' }
const resizes: GradientSpec[] = [
  resize({ mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, 2, 3),
  resize({ mode: 'nearest' }, 2, 2),
  resize({ mode: 'nearest' }, 1.7, 0.5),
  resize({ mode: 'nearest', coordinate_transformation_mode: 'align_corners', nearest_mode: 'ceil' }, 2, 1),
  resize(linear, 2, 2),
  resize({ ...linear, coordinate_transformation_mode: 'align_corners' }, 2, 1.6),
  resize({ ...linear, coordinate_transformation_mode: 'asymmetric' }, 0.7, 2),
  resize({ ...linear, coordinate_transformation_mode: 'pytorch_half_pixel' }, 0.4, 0.6),
  resize({ ...cubic, cubic_coeff_a: -0.75 }, 2, 1.5),
  resize({ ...cubic, exclude_outside: 1n, coordinate_transformation_mode: 'align_corners' }, 0.7, 2),
  { op: 'Resize', inputs: [small, undefined, undefined, ints(2, 2, 7, 4)], attributes: linear },
  {
    op: 'Resize',
    inputs: [small, undefined, undefined, ints(2, 3)],
    attributes: { ...linear, antialias: 1n, axes: [-2n, 3n] },
    opset: 18,
  },
  { op: 'Resize', inputs: [at(2, 3, 4), undefined, scales(1, 1, 2)], attributes: linear },
  { op: 'Resize', inputs: [at(1, 2, 2, 3, 2), undefined, scales(1, 1, 2, 2, 1.5)], attributes: linear },
]

const positive = (n: number): RealInput => ({ dims: [n], domain: [0.5, 2] })
const batch = [at(4, 3, 2, 2), at(3), at(3), at(3), positive(3)]
const held = [
  at(4, 3, 2, 2),
  at(3),
  at(3),
  { dims: [3], fixed: [0, 0.1, 0.2] },
  { dims: [3], fixed: [1, 2, 0.5] },
]
const norms: GradientSpec[] = [
  { op: 'BatchNormalization', inputs: batch, training: false },
  { op: 'BatchNormalization', inputs: held, training: true },
  { op: 'BatchNormalization', inputs: [at(6, 3), ...held.slice(1)], training: true },
  { op: 'LayerNormalization', inputs: [at(2, 3, 5), at(5), at(5)] },
  { op: 'LayerNormalization', inputs: [at(2, 3, 5), at(3, 5), at(3, 5)], attributes: { axis: 1n } },
  { op: 'LayerNormalization', inputs: [at(2, 3, 5), at(5)] },
  { op: 'InstanceNormalization', inputs: [at(2, 3, 4, 2), at(3), at(3)] },
  { op: 'SimplifiedLayerNormalization', inputs: [at(2, 3, 5), at(5)] },
  { op: 'RMSNormalization', inputs: [at(2, 3, 5), at(5)], opset: 23 },
  one('LpNormalization', x, { axis: 1n }),
  one('LpNormalization', bend(0), { p: 1n }),
  one('LRN', at(2, 5, 3, 2), { size: 3n, alpha: 0.9, beta: 0.6, bias: 1.5 }),
  one('LRN', at(2, 5, 3, 2), { size: 5n, alpha: 0.9 }),
]

export const GRADIENT_SPECS: readonly GradientSpec[] = [
  ...elementwise,
  ...reductions,
  ...products,
  ...moves,
  ...convolutions,
  ...pools,
  ...resizes,
  ...norms,
  ...EXPANDED_SPECS,
]
