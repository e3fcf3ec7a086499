/** How much each channel of a group weighs. */
import { BantamError } from '../../shared/errors'
import { tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'
import type { ChannelGroup, Place, Structure } from './groups'

/**
 * The L2 norm of each channel over all weights of its group (the group form of Li et al. 2017, "Pruning filters for
 * efficient ConvNets", as in DepGraph): √Σ w². Throws what reading the weights throws.
 */
export function channelNorms(structure: Structure, group: ChannelGroup): Float64Array {
  const sums = new Float64Array(group.size)
  const { graph, directory } = structure.model
  for (const weight of group.weights) {
    const tensor = graph.initializer(weight.name)
    if (!tensor) throw new BantamError('internal', `The weight ${weight.name} is gone.`)
    const values = toNumbers(tensorValues(tensor, directory))
    const size = weight.shape[weight.axis] ?? 1
    const inner = weight.shape.slice(weight.axis + 1).reduce((product, d) => product * d, 1)
    addSquares(sums, values, channelAt(weight.places, group.size, size), inner)
  }
  return sums.map(Math.sqrt)
}

/** Adds the squares of values [outer, channels.length, inner] to the sums of their channels. */
function addSquares(
  sums: Float64Array,
  values: Float32Array | Float64Array,
  channels: Int32Array,
  inner: number,
): void {
  const size = channels.length
  for (let start = 0, at = 0; start < values.length; start += inner, at = at + 1 === size ? 0 : at + 1) {
    const channel = channels[at] ?? -1
    if (channel < 0) continue
    let sum = 0
    for (let k = start; k < start + inner; k++) {
      const value = values[k] ?? 0
      sum += value * value
    }
    sums[channel] = (sums[channel] ?? 0) + sum
  }
}

/** The channel at every position of an axis; -1 where the group is not. */
export function channelAt(places: readonly Place[], channels: number, size: number): Int32Array {
  const at = new Int32Array(size).fill(-1)
  for (const { offset, block, repeats } of places) {
    const starts = repeats.reduce(
      (all, { count, stride }) => all.flatMap(s => Array.from({ length: count }, (_, k) => s + k * stride)),
      [offset],
    )
    for (const start of starts)
      for (let channel = 0; channel < channels; channel++)
        at.fill(channel, start + channel * block, start + (channel + 1) * block)
  }
  return at
}

/** The `count` channels of the highest scores, ascending; of equal ones the first. */
export function strongest(scores: Float64Array, count: number): Uint32Array {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
  return Uint32Array.from(order.slice(0, count)).sort()
}
