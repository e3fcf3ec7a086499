/** Normalization: statistics over an axis, then scale and shift of each element. */
import type { NormalizationOp } from './names'
import { free, type OpRow } from './row'

export const normalization = {
  BatchNormalization: free,
  GroupNormalization: free,
  InstanceNormalization: free,
  LRN: free,
  LayerNormalization: free,
  LpNormalization: free,
  MeanVarianceNormalization: free,
  RMSNormalization: free,
  SimplifiedLayerNormalization: free,
  'com.microsoft:BranchwiseRMSNorm': free,
  'com.microsoft:EmbedLayerNormalization': free,
  'com.microsoft:GatedRMSNorm': free,
  'com.microsoft:GroupNorm': free,
  'com.microsoft:QEmbedLayerNormalization': free,
  'com.microsoft:QOrderedLayerNormalization': free,
  'com.microsoft:SimplifiedLayerNormalization': free,
  'com.microsoft:SkipGroupNorm': free,
  'com.microsoft:SkipLayerNormalization': free,
  'com.microsoft:SkipSimplifiedLayerNormalization': free,
} satisfies Record<NormalizationOp, OpRow>
