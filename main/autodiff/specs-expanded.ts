/**
 * Specs of operators that are taken apart (main/autodiff/expand): their gradients are compared with finite differences
 * of the operator itself, and what they are taken apart into with what they give. Imported by tests only.
 */
import type { AttributeValue } from '../onnx/build'
import type { GradientSpec, IntegerInput, RealInput } from './spec'

type Attributes = Record<string, AttributeValue>
const at = (...dims: number[]): RealInput => ({ dims, domain: [-1, 1] })
const lengths = (...list: number[]): IntegerInput => ({ ints: list, int32: true })

/** Three steps of a batch of two, width 3 in, hidden width 4. */
function layer(
  op: 'LSTM' | 'GRU' | 'RNN',
  attributes: Attributes,
  more: GradientSpec['inputs'] = [],
): GradientSpec {
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[op]
  const d = attributes.direction === 'bidirectional' ? 2 : 1
  const rest = [at(d, 8 * gates), ...more]
  return {
    op,
    inputs: [at(3, 2, 3), at(d, 4 * gates, 3), at(d, 4 * gates, 4), ...rest],
    attributes: { hidden_size: 4n, ...attributes },
    outputs: op === 'LSTM' ? 3 : 2,
  }
}
const state = (d: number): RealInput => at(d, 2, 4)
const both = { direction: 'bidirectional' }
const recurrent: GradientSpec[] = [
  layer('RNN', {}),
  layer('RNN', { activations: ['Softplus'], direction: 'reverse' }, [undefined, state(1)]),
  layer('LSTM', {}),
  layer('LSTM', both, [undefined, state(2), state(2), at(2, 12)]),
  layer('LSTM', { direction: 'reverse' }, [lengths(3, 1)]),
  layer('LSTM', both, [lengths(2, 3), state(2), state(2)]),
  layer('GRU', {}),
  layer('GRU', { linear_before_reset: 1n, direction: 'reverse' }, [undefined, state(1)]),
  layer('GRU', { ...both, linear_before_reset: 1n }, [lengths(2, 3), state(2)]),
  { ...layer('GRU', {}), inputs: [at(3, 2, 3), at(1, 12, 3), at(1, 12, 4)] },
]

const ms = (op: string) => `com.microsoft:${op}`
const image: GradientSpec['inputs'] = [at(2, 6, 3, 4)]
const row = (n: number): RealInput => at(n)
const pooling: GradientSpec[] = [
  {
    op: 'LpPool',
    inputs: [at(2, 3, 5, 4)],
    attributes: { kernel_shape: [2n, 2n], strides: [2n, 1n] },
    single: true,
  },
  {
    op: 'LpPool',
    inputs: [{ dims: [1, 2, 6], domain: [0.2, 1] }],
    attributes: { kernel_shape: [3n], pads: [1n, 1n], p: 3n },
    single: true,
  },
  {
    op: 'LpPool',
    inputs: [{ ...at(1, 2, 6), avoid: [0] }],
    attributes: { kernel_shape: [2n], p: 1n },
    single: true,
  },
  { op: 'GlobalLpPool', inputs: [at(2, 3, 4, 2)], single: true },
  {
    op: 'GlobalLpPool',
    inputs: [{ dims: [2, 3, 4], domain: [0.2, 1] }],
    attributes: { p: 3n },
    single: true,
  },
]
const normalization: GradientSpec[] = [
  { op: 'MeanVarianceNormalization', inputs: [at(2, 3, 4, 2)] },
  { op: 'MeanVarianceNormalization', inputs: [at(2, 3, 4)], attributes: { axes: [0n, -1n] } },
  { op: 'GroupNormalization', inputs: [...image, row(3), row(3)], attributes: { num_groups: 3n }, opset: 18 },
  { op: 'GroupNormalization', inputs: [...image, row(6), row(6)], attributes: { num_groups: 2n }, opset: 21 },
  {
    op: ms('SkipLayerNormalization'),
    inputs: [at(2, 3, 5), at(2, 3, 5), row(5), row(5), row(5)],
    outputs: [0, 3],
  },
  {
    op: ms('SkipLayerNormalization'),
    inputs: [at(2, 3, 5), at(1, 3, 5), row(5)],
    attributes: { epsilon: 1e-3 },
  },
  {
    op: ms('SkipSimplifiedLayerNormalization'),
    inputs: [at(2, 3, 5), at(2, 3, 5), row(5), row(5)],
    outputs: [0, 3],
  },
  {
    op: ms('EmbedLayerNormalization'),
    inputs: [
      { ints: [1, 4, 4, 0, 2, 3], dims: [2, 3], int32: true },
      { ints: [0, 1, 1, 0, 0, 1], dims: [2, 3], int32: true },
      at(5, 4),
      at(3, 4),
      at(2, 4),
      row(4),
      row(4),
    ],
    outputs: [0],
  },
]

const einsum = (equation: string, ...shapes: number[][]): GradientSpec => ({
  op: 'Einsum',
  inputs: shapes.map(shape => at(...shape)),
  attributes: { equation },
})
const products: GradientSpec[] = [
  einsum('bhqd,bhkd->bhqk', [2, 2, 3, 4], [2, 2, 5, 4]),
  einsum('bhwc, hkc -> bhwk', [2, 3, 4, 5], [3, 6, 5]),
  einsum('...ij,jk,kl->...il', [6, 2, 3], [3, 4], [4, 5]),
  einsum('ij->ji', [3, 4]),
  einsum('ij->', [3, 4]),
  einsum('i,j->ij', [3], [4]),
  einsum('ab,ab', [3, 4], [3, 4]),
  einsum('abc,cde->dabe', [2, 3, 4], [4, 2, 3]),
  einsum('abcd,cd->a', [2, 3, 4, 2], [4, 2]),
  {
    op: ms('FusedMatMul'),
    inputs: [at(2, 4, 3), at(2, 5, 4)],
    attributes: { transA: 1n, transB: 1n, alpha: 0.7 },
  },
  { op: ms('FusedMatMul'), inputs: [at(3, 2, 4), at(2, 4, 5)], attributes: { transBatchA: 1n } },
  { op: ms('TransposeMatMul'), inputs: [at(2, 4, 3), at(2, 4, 5)], attributes: { transA: 1n } },
  {
    op: ms('FusedGemm'),
    inputs: [at(3, 4), at(5, 4), row(5)],
    attributes: { transB: 1n, alpha: 0.5, activation: 'LeakyRelu', activation_alpha: 0.1 },
  },
  { op: ms('FusedGemm'), inputs: [at(3, 4), at(4, 5)], attributes: { activation: 'Tanh' } },
  {
    op: ms('FusedConv'),
    inputs: [at(2, 3, 5, 5), at(4, 3, 3, 3), row(4), at(2, 4, 5, 5)],
    attributes: { pads: [1n, 1n, 1n, 1n], activation: 'Tanh' },
  },
  { op: 'CenterCropPad', inputs: [at(3, 5, 4), { ints: [6, 2, 3] }], opset: 18 },
]

const query = at(2, 4, 6)
const cache = (): RealInput => ({
  dims: [6, 2],
  fixed: [1, 1, 0.8, 0.9, 0.6, 0.7, 0.2, 0.4, -0.1, 0.3, -0.5, -0.2],
})
const wave = (): RealInput => ({
  dims: [6, 2],
  fixed: [0, 0, 0.6, 0.4, 0.8, 0.7, 0.9, 0.9, 1, 0.95, 0.86, 0.98],
})
const two = { num_heads: 2n }
const int32 = (ints: number[], dims: number[] = [ints.length]): IntegerInput => ({ ints, dims, int32: true })
const attention: GradientSpec[] = [
  { op: 'Attention', inputs: [at(2, 2, 4, 3), at(2, 2, 5, 3), at(2, 2, 5, 4)], opset: 23 },
  {
    op: 'Attention',
    inputs: [
      at(2, 4, 12),
      at(2, 4, 6),
      at(2, 4, 6),
      { ints: [1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1], dims: [4, 4], bool: true },
    ],
    attributes: { q_num_heads: 4n, kv_num_heads: 2n, scale: 0.7, softcap: 2 },
    opset: 23,
  },
  {
    op: 'Attention',
    inputs: [at(2, 2, 4, 3), at(2, 2, 4, 3), at(2, 2, 4, 3), at(4, 4)],
    attributes: { is_causal: 1n },
    opset: 23,
  },
  { op: ms('Attention'), inputs: [at(2, 4, 5), at(5, 18), row(18)], attributes: two },
  {
    op: ms('Attention'),
    inputs: [at(2, 4, 5), at(5, 18), row(18), int32([1, 1, 1, 0, 1, 1, 1, 1], [2, 4])],
    attributes: { ...two, unidirectional: 1n },
  },
  { op: ms('Attention'), inputs: [at(2, 4, 5), at(5, 18), row(18), int32([3, 4])], attributes: two },
  { op: ms('MultiHeadAttention'), inputs: [query, at(2, 5, 6), at(2, 5, 4), row(16)], attributes: two },
  {
    op: ms('MultiHeadAttention'),
    inputs: [query, query, query, undefined, int32([1, 1, 1, 0, 1, 1, 0, 0], [2, 4]), at(1, 2, 4, 4)],
    attributes: { ...two, scale: 0.3 },
  },
  {
    op: ms('GroupQueryAttention'),
    inputs: [at(2, 4, 32), at(2, 4, 16), at(2, 4, 16), undefined, undefined, int32([3, 3]), int32([4], [])],
    attributes: { num_heads: 4n, kv_num_heads: 2n, local_window_size: 2n },
    outputs: 3,
  },
  {
    op: 'RotaryEmbedding',
    inputs: [at(1, 2, 6, 4), { ...cache(), dims: [1, 6, 2] }, { ...wave(), dims: [1, 6, 2] }],
    opset: 23,
  },
  {
    op: 'RotaryEmbedding',
    inputs: [at(2, 3, 12), cache(), wave(), { ints: [0, 1, 2, 2, 4, 5], dims: [2, 3] }],
    attributes: { num_heads: 2n, interleaved: 1n, rotary_embedding_dim: 4n },
    opset: 23,
  },
  { op: ms('RotaryEmbedding'), inputs: [at(2, 3, 8), { ints: [2] }, cache(), wave()] },
  {
    op: ms('RotaryEmbedding'),
    inputs: [at(2, 2, 3, 4), { ints: [0, 1, 2, 2, 4, 5], dims: [2, 3] }, cache(), wave()],
    attributes: { interleaved: 1n },
  },
]

export const EXPANDED_SPECS: readonly GradientSpec[] = [
  ...recurrent,
  ...pooling,
  ...normalization,
  ...products,
  ...attention,
]
