/** Sums over the weights of groups, one number per channel. Every weight is read once, whatever groups it is in. */
import { BantamError } from '../../../shared/errors'
import { isBatchNormalization } from '../../autodiff/prepare'
import { tensorValues } from '../../onnx/tensor'
import { toNumbers } from '../../runtime/tensor'
import type { ChannelGroup, GroupWeight, Structure } from '../../structure/groups'
import { channelAt } from '../../structure/importance'

/** Which weights of a group count. */
export type WeightFilter = (weight: GroupWeight, group: ChannelGroup) => boolean

/** Elements of a weight. */
export type Values = Float32Array | Float64Array

/** A weight where a group lies in it. */
interface Place {
  weight: GroupWeight
  group: ChannelGroup
}

/**
 * Σ|v| or Σv² over the elements of each channel, in all weights of its group that count. `valuesOf` gives what to take
 * for the elements of a weight, itself where it is not given. `relative`: what a weight adds is divided by its mean over
 * the channels, so that weights of any scale count alike. Running statistics of batch normalization are no weights
 * and never count. Throws `bad-model` naming a weight that is not finite, and what reading weights throws.
 */
export function channelSums(
  structure: Structure,
  groups: readonly ChannelGroup[],
  of: 'sizes' | 'squares',
  {
    counts,
    valuesOf = (_, values) => values,
    relative = false,
  }: {
    counts?: WeightFilter
    valuesOf?: (weight: GroupWeight, values: Values) => Values
    relative?: boolean
  } = {},
): Map<string, Float64Array> {
  const sums = emptyScores(groups)
  const add = of === 'sizes' ? addSizes : addSquares
  for (const [name, places] of placesByWeight(structure, groups, counts)) {
    const [first] = places
    if (!first) continue
    const own = readWeight(structure, name)
    const values = valuesOf(first.weight, own)
    for (const { weight, group } of places) {
      const { shape, axis } = weight
      const into = sums.get(group.id)
      const inner = shape.slice(axis + 1).reduce((product, d) => product * d, 1)
      const channels = channelAt(weight.places, group.size, shape[axis] ?? 1)
      if (into && !relative) add(into, values, channels, inner)
      if (into && relative) {
        const sums = new Float64Array(group.size)
        add(sums, values, channels, inner)
        addRelative(into, sums)
      }
    }
    if (places.some(({ group }) => sums.get(group.id)?.some(sum => !Number.isFinite(sum))))
      requireFinite(name, own)
  }
  return sums
}

function addRelative(into: Float64Array, own: Float64Array): void {
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length
  if (mean === 0) return
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + (own[i] ?? 0) / mean
}

export function emptyScores(groups: readonly ChannelGroup[]): Map<string, Float64Array> {
  return new Map(groups.map(group => [group.id, new Float64Array(group.size)]))
}

/** Where the groups lie in each weight, by its name; without running statistics. */
export function placesByWeight(
  structure: Structure,
  groups: readonly ChannelGroup[],
  counts: WeightFilter = () => true,
): Map<string, Place[]> {
  const statistics = statisticsOf(structure)
  const found = new Map<string, Place[]>()
  for (const group of groups)
    for (const weight of group.weights) {
      if (statistics.has(weight.name) || !counts(weight, group)) continue
      const list = found.get(weight.name)
      if (list) list.push({ weight, group })
      else found.set(weight.name, [{ weight, group }])
    }
  // In the order of the file: sums come out alike, to the last bit, whatever groups are asked for together.
  return new Map(
    [...structure.model.graph.initializers()].flatMap(({ name }) => {
      const places = found.get(name)
      return places ? [[name, places] as const] : []
    }),
  )
}

function statisticsOf({ model }: Structure): Set<string> {
  return new Set(model.graph.nodes.filter(isBatchNormalization).flatMap(node => node.input.slice(3, 5)))
}

/** The numbers of a weight. */
export function readWeight({ model }: Structure, name: string): Values {
  const tensor = model.graph.initializer(name)
  if (!tensor) throw new BantamError('internal', `The weight ${name} is gone.`)
  return toNumbers(tensorValues(tensor, model.directory))
}

/** Adds the sizes of values [outer, channels.length, inner] to the sums of their channels; -1 is none. */
function addSizes(sums: Float64Array, values: Values, channels: Int32Array, inner: number): void {
  for (let start = 0; start < values.length; )
    for (let at = 0; at < channels.length; at++) {
      const end = start + inner
      const channel = channels[at] ?? -1
      let sum = 0
      if (channel >= 0) for (let k = start; k < end; k++) sum += Math.abs(values[k] ?? 0)
      if (channel >= 0) sums[channel] = (sums[channel] ?? 0) + sum
      start = end
    }
}

/** As `addSizes`, for squares. Written twice: called through a function each element takes several times as long. */
function addSquares(sums: Float64Array, values: Values, channels: Int32Array, inner: number): void {
  for (let start = 0; start < values.length; )
    for (let at = 0; at < channels.length; at++) {
      const end = start + inner
      const channel = channels[at] ?? -1
      let sum = 0
      if (channel >= 0)
        for (let k = start; k < end; k++) {
          const value = values[k] ?? 0
          sum += value * value
        }
      if (channel >= 0) sums[channel] = (sums[channel] ?? 0) + sum
      start = end
    }
}

function requireFinite(name: string, values: ArrayLike<number>): void {
  const at = Array.prototype.findIndex.call(values, value => !Number.isFinite(value))
  if (at < 0) return
  throw new BantamError('bad-model', `The weight ${name} holds ${values[at]} at position ${at}.`, {
    where: name,
    action: 'Train or export the model again: a weight that is not a finite number has no importance.',
  })
}
