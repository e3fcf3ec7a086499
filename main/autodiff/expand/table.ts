/** Which operators are taken apart, and by what: those whose row says 'expanded'. */
import { attention, groupQueryAttention, multiHeadAttention, projectedAttention } from './attention'
import { einsum } from './einsum'
import type { Expansion } from './expansion'
import { centerCropPad, fusedConv, fusedGemm, fusedMatMul } from './fused'
import { globalLpPool, lpPool } from './lp-pool'
import { embedLayerNormalization, groupNormalization, meanVarianceNormalization, skip } from './normalization'
import { recurrent } from './recurrent'
import { rotaryEmbedding } from './rotary'

export const EXPANSIONS: Readonly<Record<string, Expansion>> = {
  Attention: attention,
  CenterCropPad: centerCropPad,
  Einsum: einsum,
  GRU: recurrent,
  GroupNormalization: groupNormalization,
  GlobalLpPool: globalLpPool,
  LSTM: recurrent,
  LpPool: lpPool,
  MeanVarianceNormalization: meanVarianceNormalization,
  RNN: recurrent,
  RotaryEmbedding: rotaryEmbedding,
  'com.microsoft:Attention': projectedAttention,
  'com.microsoft:EmbedLayerNormalization': embedLayerNormalization,
  'com.microsoft:FusedConv': fusedConv,
  'com.microsoft:FusedGemm': fusedGemm,
  'com.microsoft:FusedMatMul': fusedMatMul,
  'com.microsoft:GroupQueryAttention': groupQueryAttention,
  'com.microsoft:MultiHeadAttention': multiHeadAttention,
  'com.microsoft:RotaryEmbedding': rotaryEmbedding,
  'com.microsoft:SkipLayerNormalization': skip(false),
  'com.microsoft:SkipSimplifiedLayerNormalization': skip(true),
  'com.microsoft:TransposeMatMul': fusedMatMul,
}
