/** The parts of a model that can be made smaller, and the models to measure of each. */
import { BantamError } from '../../../shared/errors'
import type { PruneDeclined, SensitivityCurve } from '../../../shared/prune'
import type { Model } from '../../onnx/model'
import { type Block, dropBlocks, findStages } from '../../structure/blocks'
import type { ChannelGroup, Structure } from '../../structure/groups'
import { strongest } from '../../structure/importance'
import { modelCosts } from '../../structure/model-cost'
import { sliceGroups } from '../../structure/slice'
import { StructureCost } from '../cost'
import type { Scores } from '../importance/score'
import { groupKinds } from '../kinds'

/** A model to be measured, as one point of a curve. */
export interface Trial {
  /** What it is told as. */
  what: string
  make(): Model | Promise<Model>
  keep: number
  to: number
}

/** A curve whose points are to be measured. */
export interface Part {
  curve: Omit<SensitivityCurve, 'points'>
  trials: Trial[]
}

interface Wanted {
  groups?: readonly string[] | undefined
  keeps: readonly number[]
}

/** The groups to measure, and why others are not; what inputs and outputs fix is expected and not told. */
export function chosenGroups(
  { groups }: Structure,
  { groups: wanted, keeps }: Wanted,
): { groups: ChannelGroup[]; declined: PruneDeclined[] } {
  const free = groups.filter(group => group.declined.length === 0 && group.size > fewest(group))
  if (wanted?.length !== 0 && !keeps.some(keep => keep > 0 && keep < 1))
    throw new BantamError('bad-option', 'There is no share of channels to keep between 0 and 1.', {
      where: 'keeps',
      action: 'Give one or more, such as 0.75, 0.5 and 0.25.',
    })
  if (wanted === undefined) {
    const declined = groups.flatMap(({ id, declined: [reason] }) =>
      reason?.node ? [{ id, reason: reason.message, node: reason.node }] : [],
    )
    return { groups: free, declined }
  }
  for (const id of wanted) {
    if (free.some(group => group.id === id)) continue
    const [reason] = groups.find(group => group.id === id)?.declined ?? []
    throw new BantamError(
      'bad-option',
      reason
        ? `The channels of ${id} cannot be reduced: ${reason.message}`
        : `There is no group of channels ${id} that can be reduced.`,
      { where: reason?.node ?? id },
    )
  }
  return { groups: free.filter(group => wanted.includes(group.id)), declined: [] }
}

/** The deviation of one channel is nothing. */
function fewest({ counted }: ChannelGroup): number {
  return counted.length > 0 ? 2 : 1
}

/** One part per group that has scores. */
export async function groupParts(
  structure: Structure,
  groups: readonly ChannelGroup[],
  scores: Scores,
  keeps: readonly number[],
): Promise<Part[]> {
  if (groups.length === 0) return []
  const cost = await StructureCost.of(structure)
  const kinds = groupKinds(structure)
  return groups.flatMap(group => {
    const { id, size, producers } = group
    const own = scores.get(id)
    if (!own) return []
    const frees = cost.frees(id, 0)
    const curve = {
      id,
      kind: kinds.get(id) ?? ('channels' as const),
      nodes: [...producers],
      size,
      parameters: shareOf(frees.parameters, cost.whole.parameters),
      macs: shareOf(frees.macs, cost.whole.macs),
    }
    const trials = sizesOf(group, keeps).map(to => ({
      what: `${id} with ${to} of ${size}`,
      make: () => sliceGroups(structure, new Map([[id, strongest(own, to)]])),
      keep: to / size,
      to,
    }))
    return [{ curve, trials }]
  })
}

/** Falling, each once. */
function sizesOf(group: ChannelGroup, keeps: readonly number[]): number[] {
  const sizes = keeps.map(keep => Math.max(fewest(group), Math.round(group.size * keep)))
  return [...new Set(sizes)].filter(size => size < group.size).sort((a, b) => b - a)
}

function shareOf(part: number, whole: number): number {
  return whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0
}

/** One part per block that may go. */
export async function blockParts(structure: Structure): Promise<Part[]> {
  const removable = findStages(structure).flatMap(({ blocks }) =>
    blocks.filter(block => block.removable).map(block => ({ block, size: blocks.length })),
  )
  if (removable.length === 0) return []
  const without = (block: Block) => dropBlocks(structure.model, [block])
  const variants = await Promise.all(removable.map(({ block }) => without(block)))
  const [whole, ...costs] = await modelCosts([structure.model, ...variants])
  return removable.map(({ block, size }, i) => ({
    curve: {
      id: block.node,
      kind: 'blocks',
      nodes: [block.node],
      size,
      parameters: shareOf((whole?.parameters ?? 0) - (costs[i]?.parameters ?? 0), whole?.parameters ?? 0),
      macs: shareOf((whole?.macs ?? 0) - (costs[i]?.macs ?? 0), whole?.macs ?? 0),
    },
    trials: [
      {
        what: `the block of ${block.node} gone`,
        make: () => without(block),
        keep: (size - 1) / size,
        to: size - 1,
      },
    ],
  }))
}
