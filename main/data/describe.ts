/** What a tensor holds, in a few numbers. */
import type { SamplePreview } from '../../shared/domain'
import type { Tensor } from '../runtime/tensor'
import { numbersOf } from './values'

/** First values shown. */
const HEAD = 8

/** Smallest and largest value; of no values, infinite. */
export function extremes(values: ArrayLike<number>): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    min = Math.min(min, value)
    max = Math.max(max, value)
  }
  return { min, max }
}

/** A tensor as a preview shows it. */
export function describeTensor(name: string, tensor: Tensor): SamplePreview['tensors'][number] {
  const values = numbersOf(tensor.data, tensor.type)
  const { min, max } = extremes(values)
  let sum = 0
  for (const value of values) sum += value
  const head = Array.from(values.subarray(0, HEAD))
  const empty = values.length === 0
  const stats = { min: empty ? 0 : min, max: empty ? 0 : max, mean: empty ? 0 : sum / values.length }
  return { name, type: tensor.type, shape: tensor.dims, ...stats, head }
}
