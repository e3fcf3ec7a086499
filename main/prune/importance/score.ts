/** How much each channel of a group matters, by the measure that a person chose. */
import type { Importance } from '../../../shared/prune'
import { Random } from '../../data/random'
import type { TaskContext } from '../../jobs/context'
import type { ChannelGroup, GroupWeight, Structure } from '../../structure/groups'
import type { SampleSet } from '../../technique'
import { type DataRequest, meanActivations, weightedActivations } from './activations'
import { gradientScores } from './gradients'
import { normalizationScales, normalizedGroups } from './normalizations'
import { requireSamples } from './runs'
import { channelSums } from './weights'

export interface ScoreRequest {
  structure: Structure
  groups: readonly ChannelGroup[]
  importance: Importance
  /** Already drawn: all of them are used. */
  samples?: SampleSet | undefined
  seed: number
  threads: number
}

/** Scores by group, one per channel; 0 or more, higher matters more. */
export type Scores = Map<string, Float64Array>

/** Whether an importance looks at data. */
export function needsSamples(importance: Importance): boolean {
  return ['taylor', 'fisher', 'activation', 'wanda'].includes(importance)
}

/** What a group is scored by: the importance asked for, or `l2` where the group meets no normalization. */
export function scoredBy(structure: Structure, group: ChannelGroup, importance: Importance): Importance {
  const plain = importance === 'bn-scale' && !normalizedGroups(structure, [group]).has(group.id)
  return plain ? 'l2' : importance
}

/**
 * One raw score per channel of each group:
 * - l1, l2: Σ|w|, √Σw² over the matrices and kernels of the group (Li et al. 2017, arXiv 1608.08710, in the group form
 *   of DepGraph, arXiv 2301.12900), each divided by its mean over the channels: of what one layer scales up and the next
 *   scales down by as much, as folding batch normalization leaves them, neither then decides alone. Vectors count where
 *   there is nothing else;
 * - bn-scale: |γ| (normalizations.ts); groups that meet no normalization are scored by l2 (`scoredBy`), which is logged;
 * - taylor, fisher: |change of the loss| to first order, and its square, mean over batches (gradients.ts; Molchanov et al.
 *   2019, arXiv 1906.10771; Theis et al. 2018, arXiv 1801.05787, with groups as Liu et al. 2021, arXiv 2108.00708);
 * - activation, wanda: mean size of what is read of the channel, and times the weights that read it (activations.ts);
 * - random: uniform in [0, 1), from the seed and the group's name.
 * Scores of a group do not depend on the other groups asked for.
 *
 * Throws `bad-model` naming a weight that is not finite, `bad-option` for bn-scale without any normalization, `bad-data`
 * without samples where they are needed or where a value is not finite on them, `unsupported` naming in `where` a group
 * that the importance knows nothing of, `cancelled` between runs.
 */
export async function scoreChannels(request: ScoreRequest, context: TaskContext): Promise<Scores> {
  const { structure, groups, importance, seed } = request
  switch (importance) {
    case 'l1':
      return channelSums(structure, groups, 'sizes', relativeNorms)
    case 'bn-scale':
      return scales(request, context)
    case 'random':
      return new Map(groups.map(group => [group.id, draws(group, seed)]))
    case 'l2':
      return norms(structure, groups)
    default:
      return onSamples(
        importance,
        { ...request, samples: requireSamples(request.samples, importance) },
        context,
      )
  }
}

function onSamples(
  importance: 'taylor' | 'fisher' | 'activation' | 'wanda',
  request: DataRequest,
  context: TaskContext,
): Promise<Scores> {
  switch (importance) {
    case 'activation':
      return meanActivations(request, context)
    case 'wanda':
      return weightedActivations(request, context)
    case 'taylor':
      return gradientScores(request, Math.abs, context)
    case 'fisher':
      return gradientScores(request, change => change * change, context)
  }
}

const relativeNorms = {
  relative: true,
  counts: (weight: GroupWeight, group: ChannelGroup) =>
    weight.shape.length > 1 || group.weights.every(other => other.shape.length < 2),
}

function norms(structure: Structure, groups: readonly ChannelGroup[]): Scores {
  const sums = channelSums(structure, groups, 'squares', relativeNorms)
  return new Map([...sums].map(([id, squares]) => [id, squares.map(Math.sqrt)]))
}

function scales({ structure, groups }: ScoreRequest, context: TaskContext): Scores {
  const scaled = normalizationScales(structure, groups)
  const rest = groups.filter(group => !scaled.has(group.id))
  for (const { id } of rest) context.log(`${id} meets no normalization: its channels are ranked by l2.`)
  const plain = norms(structure, rest)
  return new Map(
    groups.map(({ id, size }) => [id, scaled.get(id) ?? plain.get(id) ?? new Float64Array(size)]),
  )
}

function draws(group: ChannelGroup, seed: number): Float64Array {
  const random = new Random(seed * 2 ** 20 + hashOf(group.id))
  return Float64Array.from({ length: group.size }, () => random.unit())
}

/** FNV-1a, 20 bits of it. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return (hash ^ (hash >>> 20)) & 0xfffff
}

/**
 * Scores made comparable between groups: divided by their mean, largest, or L2 norm over the channels of the group.
 * Groups of zeros stay as they are.
 */
export function normalizeScores(scores: Scores, how: 'mean' | 'max' | 'l2' | 'none'): Scores {
  return new Map([...scores].map(([id, values]) => [id, normalized(values, how)]))
}

function normalized(values: Float64Array, how: 'mean' | 'max' | 'l2' | 'none'): Float64Array {
  const by = scaleOf(values, how)
  return values.map(value => (by > 0 ? value / by : value))
}

function scaleOf(values: Float64Array, how: 'mean' | 'max' | 'l2' | 'none'): number {
  if (how === 'max') return values.reduce((a, b) => Math.max(a, b), 0)
  if (how === 'mean') return values.reduce((sum, v) => sum + v, 0) / values.length
  return how === 'l2' ? Math.sqrt(values.reduce((sum, v) => sum + v * v, 0)) : 1
}
