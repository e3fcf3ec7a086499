/**
 * Which channels a slimmer student keeps. Every group of the graph (main/structure) that may be reduced is; of groups
 * that are factors of one axis (heads and their width, groups of a convolution and channels within) one is, as reducing
 * both would multiply.
 */
import type { ChannelGroup, Structure } from '../structure/groups'
import { channelNorms, strongest } from '../structure/importance'

/** A ratio off by more than this for want of channels is left to another factor of the axis. */
const CLOSE = 0.1

export interface Narrowing {
  group: ChannelGroup
  keep: Uint32Array
}

/** Channels kept of each group reduced, by the L2 norm of their weights, in the order of the graph. */
export function narrowings(structure: Structure, ratio: number): Narrowing[] {
  const free = structure.groups.filter(group => group.declined.length === 0)
  const chosen = new Set<string>()
  for (const group of [...free].sort((a, b) => rank(a, ratio) - rank(b, ratio))) {
    if (keptOf(group, ratio) < group.size && !group.factors.some(id => chosen.has(id))) chosen.add(group.id)
  }
  return free
    .filter(group => chosen.has(group.id))
    .map(group => ({ group, keep: strongest(channelNorms(structure, group), keptOf(group, ratio)) }))
}

/** Channels that stay: one at least, two where a mean is taken over them, as the deviation of one is nothing. */
export function keptOf(group: ChannelGroup, ratio: number): number {
  const least = group.counted.length > 0 ? 2 : 1
  return Math.min(group.size, Math.max(least, Math.round(group.size * ratio)))
}

/** Lower is taken first: close to the ratio asked for, then the outermost factor, which are whole heads. */
function rank(group: ChannelGroup, ratio: number): number {
  const off = Math.abs(keptOf(group, ratio) / group.size - ratio)
  const block = Math.max(...group.weights.flatMap(weight => weight.places.map(place => place.block)))
  return (off > CLOSE ? 1 : 0) - Math.min(block, 1e6) / 1e7
}
