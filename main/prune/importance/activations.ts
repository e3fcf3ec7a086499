/** Importance by what channels give on samples: their mean size, and weights times it. */
import { BantamError } from '../../../shared/errors'
import type { TaskContext } from '../../jobs/context'
import { describeNode } from '../../onnx/graph'
import { find } from '../../structure/dims'
import { type ChannelGroup, type GroupWeight, placesIn, type Structure } from '../../structure/groups'
import { channelAt } from '../../structure/importance'
import type { SampleSet } from '../../technique'
import {
  consumedGroups,
  type LinearRead,
  linearReads,
  type ReadsByWeight,
  readsByWeight,
  sumsOver,
  type ValueAxis,
} from './linear'
import { type AxisSums, axisKey, axisSums } from './runs'
import { channelSums, type Values } from './weights'

export interface DataRequest {
  structure: Structure
  groups: readonly ChannelGroup[]
  samples: SampleSet
  threads: number
}

/**
 * Mean |x| of each channel over samples and places, where it is read: x is what the weights that sum over the channel
 * are applied to, behind normalization and activation function; where none does (queries and keys), what the producers
 * give. The mean over these values where there are several. Mean activation: Molchanov et al. 2017, arXiv 1611.06440,
 * section 2.2. Throws `unsupported` for a group of which no such value is known, and what running throws.
 */
export async function meanActivations(
  { structure, groups, samples, threads }: DataRequest,
  context: TaskContext,
): Promise<Map<string, Float64Array>> {
  const reads = linearReads(structure)
  const values = new Map(groups.map(group => [group.id, valuesOf(structure, group, reads)]))
  const measured = await axisSums(
    structure,
    [...values.values()].flat(),
    'ReduceL1',
    { samples, threads },
    context,
  )
  return new Map(
    groups.map(group => [group.id, meanOver(structure, group, values.get(group.id) ?? [], measured)]),
  )
}

/** Values that hold the channels of the group where they are read, or where they are made. */
function valuesOf(structure: Structure, group: ChannelGroup, reads: readonly LinearRead[]): ValueAxis[] {
  const holds = ({ name, axis }: ValueAxis) => placesOf(structure, group, { name, axis }).length > 0
  const weights = new Set(group.weights.map(weight => `${weight.name}[${weight.axis}]`))
  const read = reads.filter(r => weights.has(`${r.weight}[${r.axis}]`)).map(r => r.data)
  const made = structure.model.graph.nodes
    .filter(node => group.producers.includes(describeNode(node)))
    .flatMap(node => node.output.slice(0, 1))
    .flatMap(name => (structure.flow.axes.get(name) ?? []).map((_, axis) => ({ name, axis })))
  const found = [read, made].map(list => list.filter(holds)).find(list => list.length > 0)
  if (found) return [...new Map(found.map(value => [axisKey(value), value])).values()]
  throw new BantamError('unsupported', `No value that the channels of ${group.id} give is known.`, {
    where: group.id,
    action: 'Leave it out (exclude), or choose an importance of weights such as l2.',
  })
}

function placesOf(structure: Structure, group: ChannelGroup, { name, axis }: ValueAxis) {
  const dim = structure.dims.get(group.id)
  const along = structure.flow.axes.get(name)?.[axis]
  return (dim && along && placesIn(along).get(find(dim))) ?? []
}

function meanOver(
  structure: Structure,
  group: ChannelGroup,
  values: readonly ValueAxis[],
  { sums, counts }: AxisSums,
): Float64Array {
  const scores = new Float64Array(group.size)
  for (const value of values) {
    const row = sums.get(axisKey(value)) ?? new Float64Array()
    const channels = channelAt(placesOf(structure, group, value), group.size, row.length)
    const positions = channels.filter(channel => channel === 0).length
    const count = (counts.get(axisKey(value)) ?? 0) * positions * values.length
    channels.forEach((channel, at) => {
      if (channel >= 0 && count > 0) scores[channel] = (scores[channel] ?? 0) + (row[at] ?? 0) / count
    })
  }
  return scores
}

/**
 * Σ |w|·‖x‖ over the weights w that sum over the channel, x being what w is applied to and ‖x‖ the L2 norm over all
 * places, root mean square over samples (Sun et al. 2023, "A Simple and Effective Pruning Approach for Large Language
 * Models", arXiv 2306.11695, summed per channel). For groups that no weight sums over (queries and keys), over the
 * weights that make the channel. Throws `unsupported` for groups that neither is known of, and what running throws.
 */
export async function weightedActivations(
  { structure, groups, samples, threads }: DataRequest,
  context: TaskContext,
): Promise<Map<string, Float64Array>> {
  const reads = readsByWeight(structure)
  const consumed = consumedGroups(reads, groups)
  const counts = (weight: GroupWeight, group: ChannelGroup) =>
    consumed.has(group.id) ? sumsOver(reads, weight) : reads.has(weight.name)
  const silent = groups.find(group => !group.weights.some(weight => counts(weight, group)))
  if (silent)
    throw new BantamError('unsupported', `No weights are known that the channels of ${silent.id} meet.`, {
      where: silent.id,
      action: 'Leave it out (exclude), or choose an importance of weights such as l2.',
    })
  const names = new Set(groups.flatMap(g => g.weights.filter(w => counts(w, g)).map(w => w.name)))
  const wanted = [...names].flatMap(name => (reads.get(name) ?? []).map(read => read.data))
  const measured = await axisSums(structure, wanted, 'ReduceSumSquare', { samples, threads }, context)
  return channelSums(structure, groups, 'sizes', {
    counts,
    valuesOf: (weight, values) => timesNorms(weight, values, reads, measured),
  })
}

/** w·‖x‖ for every element of a weight, ‖x‖ summed over the places where it is applied. */
function timesNorms(
  { name, shape }: GroupWeight,
  values: Values,
  reads: ReadsByWeight,
  { sums, samples }: AxisSums,
): Values {
  const result = new Float64Array(values.length)
  for (const { data, axis, groups } of reads.get(name) ?? []) {
    const norms = (sums.get(axisKey(data)) ?? new Float64Array()).map(sum => Math.sqrt(sum / samples))
    const size = shape[axis] ?? 1
    const inner = shape.slice(axis + 1).reduce((product, d) => product * d, 1)
    // Rows of a grouped convolution meet the part of the data that their group reads.
    const rows = values.length / (size * inner * groups)
    for (let at = 0, outer = 0; at < values.length; outer++) {
      const part = groups > 1 ? Math.floor(outer / rows) * size : 0
      for (let i = 0; i < size; i++) {
        const norm = norms[part + i] ?? 0
        for (let k = 0; k < inner; k++, at++) result[at] = (result[at] ?? 0) + (values[at] ?? 0) * norm
      }
    }
  }
  return result
}
