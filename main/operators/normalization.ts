/** Normalization: statistics over an axis, then scale and shift of each element. */
import { FUSED, QUANTIZED, unsupported } from './gradient'
import type { NormalizationOp } from './names'
import * as rules from './normalization-gradient'
import { free, type OpRow, row } from './row'

export const normalization = {
  BatchNormalization: row(free, rules.batchNormalization),
  GroupNormalization: row(
    free,
    unsupported('Its gradient is not written; decompose it into InstanceNormalization.'),
  ),
  InstanceNormalization: row(free, rules.instanceNormalization),
  LRN: row(free, unsupported('Its gradient is not written.')),
  LayerNormalization: row(free, rules.layerNormalization),
  LpNormalization: row(free, unsupported('Its gradient is not written; decompose it into ReduceL2 and Div.')),
  MeanVarianceNormalization: row(free, unsupported('Its gradient is not written; decompose it.')),
  RMSNormalization: row(free, rules.rmsNormalization),
  SimplifiedLayerNormalization: row(free, rules.rmsNormalization),
  'com.microsoft:BranchwiseRMSNorm': row(free, FUSED),
  'com.microsoft:EmbedLayerNormalization': row(free, FUSED),
  'com.microsoft:GatedRMSNorm': row(free, FUSED),
  'com.microsoft:GroupNorm': row(free, FUSED),
  'com.microsoft:QEmbedLayerNormalization': row(free, QUANTIZED),
  'com.microsoft:QOrderedLayerNormalization': row(free, QUANTIZED),
  'com.microsoft:SimplifiedLayerNormalization': row(free, FUSED),
  'com.microsoft:SkipGroupNorm': row(free, FUSED),
  'com.microsoft:SkipLayerNormalization': row(free, FUSED),
  'com.microsoft:SkipSimplifiedLayerNormalization': row(free, FUSED),
} satisfies Record<NormalizationOp, OpRow>
