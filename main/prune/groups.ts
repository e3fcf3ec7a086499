/** Which groups of a structure a pruning may reduce, how far, and why the others stay. */
import { BantamError } from '../../shared/errors'
import type { GroupKind, PruneDeclined } from '../../shared/prune'
import { namePattern } from '../onnx/name-pattern'
import type { ChannelGroup, Structure } from '../structure/groups'
import { holdersOfWeights } from '../structure/inner'
import { groupKinds } from './kinds'
import type { Multiples } from './multiples'
import type { WidthGroup } from './widths'

export interface Candidates {
  free: WidthGroup[]
  kinds: ReadonlyMap<string, GroupKind>
  /** Of the kinds asked for; what inputs and outputs fix is expected and not among them. */
  declined: PruneDeclined[]
}

export interface GroupChoice {
  kinds: readonly GroupKind[]
  exclude: readonly string[]
  /** Share of every group that stays. */
  least: number
  /** Channels stay in multiples of it; measured ones where it is 0. */
  multiple: number
}

/** A group keeps at least so many multiples to choose from; of narrower ones smaller multiples are taken. */
const STEPS = 4
/** Whole heads are dropped where there are so many; else the width of each. */
const HEADS = 4

/**
 * The groups that may be reduced, in the order of the graph: of those that are factors of one axis, one. Throws
 * `unsupported` when there is none, saying why, and `bad-option` for an exclusion that names nothing.
 */
export function candidates(structure: Structure, choice: GroupChoice, multiples: Multiples): Candidates {
  const kinds = groupKinds(structure)
  const left = excluded(structure.groups, choice.exclude)
  const wanted = structure.groups.filter(g => choice.kinds.includes(kinds.get(g.id) ?? 'channels'))
  const open = wanted.filter(g => g.declined.length === 0 && g.size > least(g, 0) && !left.has(g.id))
  const chosen = oneFactor(open, kinds)
  const free = open
    .filter(group => chosen.has(group.id))
    .map(group => {
      const kind = kinds.get(group.id) ?? 'channels'
      const measured = kind === 'channels' ? multiples.convolution : multiples.dense
      const whole = kind === 'heads' ? 1 : choice.multiple || measured
      const strict = choice.multiple > 0
      const multiple = strict && kind !== 'heads' ? Math.min(whole, group.size) : fitting(group.size, whole)
      return { group, multiple, strict, least: least(group, choice.least) }
    })
  if (free.length === 0) throw nothingFree(structure, wanted, choice)
  const declined = wanted.flatMap(({ id, declined: [reason] }) =>
    reason?.node ? [{ id, reason: reason.message, node: reason.node }] : [],
  )
  return { free, kinds, declined }
}

/** One at least, two where a mean is taken over them: the deviation of one is nothing. */
function least({ size, counted }: ChannelGroup, share: number): number {
  return Math.min(size, Math.max(counted.length > 0 ? 2 : 1, Math.ceil(size * share)))
}

function fitting(size: number, multiple: number): number {
  let fits = multiple
  while (fits > 1 && size < fits * STEPS) fits = Math.floor(fits / 2)
  return Math.max(1, fits)
}

/** Of groups that are factors of one axis one is reduced, for both would multiply. */
function oneFactor(groups: readonly ChannelGroup[], kinds: ReadonlyMap<string, GroupKind>): Set<string> {
  const rank = ({ id, size }: ChannelGroup) =>
    kinds.get(id) === 'heads' && size >= HEADS ? Number.POSITIVE_INFINITY : size
  const chosen = new Set<string>()
  for (const group of [...groups].sort((a, b) => rank(b) - rank(a)))
    if (!group.factors.some(id => chosen.has(id))) chosen.add(group.id)
  return chosen
}

/** Ids of groups that patterns name, by their own name or that of a node that makes them. */
function excluded(groups: readonly ChannelGroup[], patterns: readonly string[]): Set<string> {
  const found = new Set<string>()
  for (const pattern of patterns) {
    const matcher = namePattern(pattern)
    const named = groups.filter(({ id, producers, weights }) =>
      [id, id.replace(/\[\d+\](\.\d+)?$/, ''), ...producers, ...weights.map(w => w.name)].some(name =>
        matcher.test(name),
      ),
    )
    if (named.length === 0)
      throw new BantamError('bad-option', `Nothing of the network is called ${pattern}.`, {
        where: 'exclude',
        action: `Its groups are ${groups
          .slice(0, 8)
          .map(g => g.id)
          .join(', ')}${groups.length > 8 ? ', …' : ''}.`,
      })
    for (const { id } of named) found.add(id)
  }
  return found
}

function nothingFree(
  { model }: Structure,
  groups: readonly ChannelGroup[],
  { kinds, exclude }: GroupChoice,
): BantamError {
  const reasons = [
    ...new Set(
      groups.flatMap(({ id, declined: [reason] }) =>
        reason
          ? [`${id}: ${reason.message.replace(/\.$/, '')}${reason.node ? ` (${reason.node})` : ''}.`]
          : [],
      ),
    ),
  ]
  const more = reasons.length > 5 ? ` And ${reasons.length - 5} more.` : ''
  const holders = holdersOfWeights(model)
  if (groups.length === 0 && holders.length > 0)
    reasons.push(`Weights inside the subgraphs of ${holders.join(', ')} stay as they are.`)
  const found =
    groups.length === 0
      ? `The network has none of these: ${kinds.join(', ')}.`
      : 'Nothing of it can be reduced.'
  return new BantamError('unsupported', [found, ...reasons.slice(0, 5)].join(' ') + more, {
    where: kinds.join(', '),
    action: exclude.length > 0 ? 'Exclude less.' : 'Choose another method: blocks, low-rank or magnitude.',
  })
}
