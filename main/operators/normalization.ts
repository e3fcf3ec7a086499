/** Normalization: statistics over an axis, then scale and shift of each element. */
import { NO_KERNEL, QUANTIZED } from './gradient'
import type { NormalizationOp } from './names'
import * as rules from './normalization-gradient'
import { free, type OpRow, row } from './row'

export const normalization = {
  BatchNormalization: row(free, rules.batchNormalization),
  GroupNormalization: row(free, 'expanded'),
  InstanceNormalization: row(free, rules.instanceNormalization),
  LRN: row(free, rules.localResponse),
  LayerNormalization: row(free, rules.layerNormalization),
  LpNormalization: row(free, rules.lpNormalization),
  MeanVarianceNormalization: row(free, 'expanded'),
  RMSNormalization: row(free, rules.rmsNormalization),
  SimplifiedLayerNormalization: row(free, rules.rmsNormalization),
  'com.microsoft:BranchwiseRMSNorm': row(free, NO_KERNEL),
  'com.microsoft:EmbedLayerNormalization': row(free, 'expanded'),
  'com.microsoft:GatedRMSNorm': row(free, NO_KERNEL),
  'com.microsoft:GroupNorm': row(free, NO_KERNEL),
  'com.microsoft:QEmbedLayerNormalization': row(free, QUANTIZED),
  'com.microsoft:QOrderedLayerNormalization': row(free, QUANTIZED),
  'com.microsoft:SimplifiedLayerNormalization': row(free, NO_KERNEL),
  'com.microsoft:SkipGroupNorm': row(free, NO_KERNEL),
  'com.microsoft:SkipLayerNormalization': row(free, 'expanded'),
  'com.microsoft:SkipSimplifiedLayerNormalization': row(free, 'expanded'),
} satisfies Record<NormalizationOp, OpRow>
