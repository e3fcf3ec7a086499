/**
 * Which weights become zero: those of the lowest scores in a layer, in each of its outputs, or in every M that follow
 * each other. Of equal scores the first goes.
 */
import type { PrunableWeight } from './weights'

/** 1 stays, 0 becomes zero; one byte per element. */
export type Mask = Uint8Array

/** Norms below count as this. */
const LEAST = 1e-20

/** Number of the position along `axes` at every element of an array, the last axis running fastest. */
export function positionsAlong(dims: readonly number[], axes: readonly number[]): Int32Array {
  const count = dims.reduce((all, d) => all * d, 1)
  const steps = dims.map(() => 0)
  let step = 1
  for (const axis of [...axes].reverse()) {
    steps[axis] = step
    step *= dims[axis] ?? 1
  }
  const found = new Int32Array(count)
  let filled = 1
  // The pattern of the inner axes repeats, moved on by the step of the axis around them.
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const by = steps[axis] ?? 0
    const size = dims[axis] ?? 1
    for (let i = filled; i < filled * size; i++) found[i] = (found[i - filled] ?? 0) + by
    filled *= size
  }
  return found
}

/**
 * |w|, or |w|·‖x‖ where the norms of the input features are given (Sun et al. 2023, "A Simple and Effective Pruning
 * Approach for Large Language Models", arXiv 2306.11695). What is zero already goes first.
 */
export function scoresOf(
  weight: PrunableWeight,
  values: ArrayLike<number>,
  norms?: Float32Array,
): Float32Array {
  const scores = new Float32Array(values.length)
  const features = norms && positionsAlong(weight.dims, weight.features)
  for (let i = 0; i < scores.length; i++) {
    const value = Math.abs(values[i] ?? 0)
    // Behind an input that is never there a weight counts little, but more than none.
    const norm = features ? Math.max(LEAST, norms[features[i] ?? 0] ?? 0) : 1
    scores[i] = value * norm
  }
  return scores
}

/**
 * The k-th smallest of all scores and how many are smaller. The bits of floats that are not negative are in the order
 * of their numbers, so that two histograms of 16 bits each find it exactly. `layers` is gone through twice.
 */
export function kthSmallest(layers: Iterable<Float32Array>, k: number): { value: number; below: number } {
  const upper = new Float64Array(1 << 16)
  const lower = new Float64Array(1 << 16)
  const bitsOf = (scores: Float32Array) => new Uint32Array(scores.buffer, scores.byteOffset, scores.length)
  for (const scores of layers) for (const b of bitsOf(scores)) upper[b >>> 16] = (upper[b >>> 16] ?? 0) + 1
  const [high, before] = reach(upper, k)
  for (const scores of layers)
    for (const b of bitsOf(scores)) if (b >>> 16 === high) lower[b & 0xffff] = (lower[b & 0xffff] ?? 0) + 1
  const [low, more] = reach(lower, k - before)
  const value = new Float32Array(Uint32Array.of(high * 65536 + low).buffer)[0] ?? 0
  return { value, below: before + more }
}

/** The bin in which the k-th lies, and how many lie before the bin. */
function reach(counts: Float64Array, k: number): [number, number] {
  let before = 0
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] ?? 0
    if (before + count >= k && count > 0) return [bin, before]
    before += count
  }
  return [counts.length - 1, before]
}

/** Zeros at the `zeros` lowest scores. */
export function lowestMask(scores: Float32Array, zeros: number): Mask {
  const mask = new Uint8Array(scores.length).fill(1)
  if (zeros <= 0) return mask
  const { value, below } = kthSmallest([scores], zeros)
  let ties = zeros - below
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? 0
    if (score < value || (score === value && ties-- > 0)) mask[i] = 0
  }
  return mask
}

/**
 * As `lowestMask`, the same number in every output of the layer; the first ones lose one more where it does not come
 * out even.
 */
export function lowestMaskByOutput(weight: PrunableWeight, scores: Float32Array, zeros: number): Mask {
  const rows = positionsAlong(weight.dims, weight.outputs)
  const count = weight.outputs.reduce((all, axis) => all * (weight.dims[axis] ?? 1), 1)
  const length = scores.length / Math.max(1, count)
  // Elements of each row one after the other, in their order.
  const order = new Uint32Array(scores.length)
  const next = Uint32Array.from({ length: count }, (_, row) => row * length)
  rows.forEach((row, i) => {
    const at = next[row] ?? 0
    order[at] = i
    next[row] = at + 1
  })
  const mask = new Uint8Array(scores.length).fill(1)
  for (let row = 0; row < count; row++) {
    const own = order.subarray(row * length, (row + 1) * length)
    const goes = Math.floor(zeros / count) + (row < zeros % count ? 1 : 0)
    const part = lowestMaskSorted(
      Float32Array.from(own, i => scores[i] ?? 0),
      goes,
    )
    own.forEach((i, k) => {
      mask[i] = part[k] ?? 1
    })
  }
  return mask
}

/** As `lowestMask` by sorting, which is faster for few. */
function lowestMaskSorted(scores: Float32Array, zeros: number): Mask {
  const mask = new Uint8Array(scores.length).fill(1)
  if (zeros <= 0) return mask
  const sorted = scores.slice().sort()
  const value = sorted[zeros - 1] ?? 0
  let ties = zeros - sorted.indexOf(value)
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] ?? 0
    if (score < value || (score === value && ties-- > 0)) mask[i] = 0
  }
  return mask
}

/**
 * N of every M along the axis that is summed over stay (Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks",
 * arXiv 2104.08378). The axis is a multiple of M.
 */
export function patternMask(weight: PrunableWeight, scores: Float32Array, n: number, m: number): Mask {
  const mask = new Uint8Array(scores.length).fill(1)
  const stride = weight.dims.slice(weight.input + 1).reduce((all, d) => all * d, 1)
  const span = stride * m
  for (let block = 0; block < scores.length; block += span) {
    for (let first = block; first < block + stride; first++) {
      for (let gone = n; gone < m; gone++) {
        let lowest = Number.POSITIVE_INFINITY
        let at = first
        for (let i = first; i < first + span; i += stride) {
          const score = scores[i] as number
          if (mask[i] === 1 && score < lowest) {
            lowest = score
            at = i
          }
        }
        mask[at] = 0
      }
    }
  }
  return mask
}

/** Elements that become zero. */
export function zerosIn(mask: Mask): number {
  let zeros = 0
  for (let i = 0; i < mask.length; i++) if (mask[i] === 0) zeros++
  return zeros
}
