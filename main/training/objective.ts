/** What a training minimises, ready for the loop: the net with its losses, and what its further inputs are fed. */
import type { Model } from '../onnx/model'
import type { Tensor } from '../runtime/tensor'
import type { TeacherTarget } from './teacher'

/** An input that takes labels: class numbers, probabilities per class (so that they can be mixed), or target values. */
export interface LabelInput {
  input: string
  form: 'class' | 'probabilities' | 'value'
  /** Values per sample: classes, or 1. */
  width: number
  /** Rank of the tensor: 1 is [batch], 2 is [batch, width]. */
  rank: number
}

export interface Objective {
  /** Forward graph and losses. The net's weights are initializers under their own names. */
  model: Model
  /** Name of the scalar loss. */
  loss: string
  /** Its weighted parts: what a person calls them, and the output that holds them. */
  parts: { title: string; output: string }[]
  labels: LabelInput[]
  targets: TeacherTarget[]
  /** Initializers that are trained along and dropped afterwards. */
  projectors: string[]
}

/** Labels of a batch as the inputs take them. `mix` blends each sample with another (mixup). */
export function labelFeeds(
  inputs: readonly LabelInput[],
  labels: Float64Array | undefined,
  mix?: { partner: Uint32Array; share: number },
): Record<string, Tensor> {
  if (!labels) return {}
  return Object.fromEntries(inputs.map(input => [input.input, labelTensor(input, labels, mix)]))
}

function labelTensor(
  { form, width, rank }: LabelInput,
  labels: Float64Array,
  mix: { partner: Uint32Array; share: number } | undefined,
): Tensor {
  const n = labels.length
  const dims = rank === 1 ? [n] : [n, width]
  if (form === 'class') return { type: 'int64', dims: [n], data: BigInt64Array.from(labels, v => BigInt(v)) }
  const data = new Float32Array(n * width)
  const add = (row: number, label: number, share: number) => {
    if (form === 'value') data[row] = (data[row] ?? 0) + share * label
    else data[row * width + label] = (data[row * width + label] ?? 0) + share
  }
  labels.forEach((label, row) => {
    add(row, label, mix?.share ?? 1)
    if (mix) add(row, labels[mix.partner[row] ?? row] ?? label, 1 - mix.share)
  })
  return { type: 'float32', dims, data }
}
