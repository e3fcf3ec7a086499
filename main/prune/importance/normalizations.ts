/**
 * Scales of normalizations as importance: |γ| of the channel (Liu et al. 2017, "Learning Efficient Convolutional Networks
 * through Network Slimming", arXiv 1708.06519), and likewise the gains of layer, group, instance and RMS normalization.
 */
import { BantamError } from '../../../shared/errors'
import { operatorKey } from '../../operators'
import type { ChannelGroup, Structure } from '../../structure/groups'
import { channelSums, type WeightFilter } from './weights'

/** Which input holds the scale, by operator. */
const SCALES: Readonly<Record<string, number>> = {
  BatchNormalization: 1,
  GroupNormalization: 1,
  InstanceNormalization: 1,
  LayerNormalization: 1,
  RMSNormalization: 1,
  SimplifiedLayerNormalization: 1,
  'com.microsoft:SkipLayerNormalization': 2,
  'com.microsoft:SkipSimplifiedLayerNormalization': 2,
}

/** Weights that scale what a normalization gives. */
function scaleNames({ model }: Structure): Set<string> {
  return new Set(
    model.graph.nodes.flatMap(node => {
      const index = SCALES[operatorKey(node.opType, node.domain)]
      return index === undefined ? [] : (node.input[index] ?? [])
    }),
  )
}

/** The groups that meet a normalization with a scale per channel. */
export function normalizedGroups(structure: Structure, groups: readonly ChannelGroup[]): Set<string> {
  const scales = scaleNames(structure)
  return new Set(groups.filter(g => g.weights.some(w => scales.has(w.name))).map(g => g.id))
}

/**
 * Mean of |γ| over the normalizations that a channel meets, for the groups that meet one. Throws `bad-option` when none
 * of them does: the normalization may have been folded into the layer before.
 */
export function normalizationScales(
  structure: Structure,
  groups: readonly ChannelGroup[],
): Map<string, Float64Array> {
  const met = normalizedGroups(structure, groups)
  if (met.size === 0 && groups.length > 0)
    throw new BantamError(
      'bad-option',
      'No group of channels meets a normalization with a scale per channel.',
      {
        where: 'importance bn-scale',
        action:
          'Choose another importance, such as l2; exporters often fold batch normalization into convolutions.',
      },
    )
  const scales = scaleNames(structure)
  const isScale: WeightFilter = weight => scales.has(weight.name)
  const chosen = groups.filter(group => met.has(group.id))
  const sums = channelSums(structure, chosen, 'sizes', { counts: isScale })
  for (const group of chosen) {
    const count = group.weights.filter(weight => scales.has(weight.name)).length
    const own = sums.get(group.id)
    if (own && count > 1)
      own.forEach((sum, i) => {
        own[i] = sum / count
      })
  }
  return sums
}
