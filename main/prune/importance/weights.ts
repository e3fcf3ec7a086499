/** Sums over the weights of groups, one number per channel. Every weight is read once, whatever groups it is in. */
import { BantamError } from '../../../shared/errors'
import { isBatchNormalization } from '../../autodiff/prepare'
import { tensorValues } from '../../onnx/tensor'
import { toNumbers } from '../../runtime/tensor'
import type { ChannelGroup, GroupWeight, Structure } from '../../structure/groups'
import { channelAt } from '../../structure/importance'

/** Which weights of a group count. */
export type WeightFilter = (weight: GroupWeight, group: ChannelGroup) => boolean

/** What one element adds to its channel. */
export type Contribution = (value: number, index: number) => number

/** A weight where a group lies in it. */
interface Place {
  weight: GroupWeight
  group: ChannelGroup
}

/**
 * Σ of what the elements of each channel add, over all weights of its group that count; `contribution` makes the
 * function of a weight's elements, undefined for weights that add nothing. Running statistics of batch normalization
 * are no weights and never count. Throws `bad-model` naming a weight that is not finite, and what reading weights throws.
 */
export function channelSums(
  structure: Structure,
  groups: readonly ChannelGroup[],
  contribution: (weight: GroupWeight) => Contribution | undefined,
  counts: WeightFilter = () => true,
): Map<string, Float64Array> {
  const sums = emptyScores(groups)
  for (const [name, places] of placesByWeight(structure, groups, counts)) {
    const first = places[0]
    const add = first && contribution(first.weight)
    if (!add) continue
    const values = readWeight(structure, name)
    for (const { weight, group } of places) {
      const into = sums.get(group.id)
      if (into) addElements(into, values, weight, add)
    }
    if (places.some(({ group }) => sums.get(group.id)?.some(sum => !Number.isFinite(sum))))
      requireFinite(name, values)
  }
  return sums
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
export function readWeight({ model }: Structure, name: string): Float32Array | Float64Array {
  const tensor = model.graph.initializer(name)
  if (!tensor) throw new BantamError('internal', `The weight ${name} is gone.`)
  return toNumbers(tensorValues(tensor, model.directory))
}

/** Adds to each channel what its elements of the weight [outer, axis, inner] add. */
function addElements(
  sums: Float64Array,
  values: Float32Array | Float64Array,
  { shape, axis, places }: GroupWeight,
  add: Contribution,
): void {
  const size = shape[axis] ?? 1
  const channels = channelAt(places, sums.length, size)
  const inner = shape.slice(axis + 1).reduce((product, d) => product * d, 1)
  for (let start = 0, at = 0; start < values.length; start += inner, at = at + 1 === size ? 0 : at + 1) {
    const channel = channels[at] ?? -1
    if (channel < 0) continue
    let sum = 0
    for (let k = start; k < start + inner; k++) sum += add(values[k] ?? 0, k)
    sums[channel] = (sums[channel] ?? 0) + sum
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
