/**
 * What to feed a model when its speed is measured: real samples when there are any, else made-up ones.
 *
 * Made-up shapes: a number is taken as it is. The first axis, where it is free, is the batch, and so is every other
 * axis with the same name. Other free axes: 3 for the channels and 224 for the sides of an image (rank 4, or named
 * height or width), 128 for anything that sounds like a sequence, else 16; equal names get equal sizes.
 * Made-up values: floating point uniform in [0, 1), 8-bit integers over their whole range, other integers 0 or 1 (safe
 * as token numbers and types; 16000 for a sampling rate), true, and the text 'a'. The same seed every time. Masks of
 * tokens are 1 everywhere, positions count from 0. Keys and values of the past are empty, and a mask over past and tokens
 * is then as long as the tokens.
 */
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { usualRole } from '../../shared/text-roles'
import type { Dataset } from '../data/dataset'
import { isNumericType } from '../data/values'
import { wholeTensor, zeros } from '../language/feeds'
import { cacheShape, inputCache } from '../language/recognise'
import { type ElementType, elementCount, floatToHalf, type Tensor, type TensorData } from '../runtime/tensor'
import { random } from './bootstrap'

export type Feeds = Record<string, Tensor>

/** The batch that the model's inputs fix: null when the first axis of any input is free. */
export function fixedBatch(inputs: readonly TensorInfo[]): number | null {
  const first = inputs.filter(i => i.shape.length > 0).map(i => i.shape[0])
  if (first.some(d => typeof d === 'string')) return null
  const [own] = first
  return typeof own === 'number' ? own : null
}

/** Feeds of `batch` samples of the test split (of all samples when it is empty), from the start again when they run out. */
export async function sampleFeeds(dataset: Dataset, batch: number): Promise<Feeds> {
  const test = dataset.indices('test')
  const indices = test.length > 0 ? test : dataset.indices('all')
  if (indices.length === 0)
    throw new BantamError('bad-data', 'The dataset has no samples.', { where: dataset.summary.spec.source })
  const { feeds } = await dataset.batch(
    Array.from({ length: batch }, (_, i) => indices[i % indices.length] ?? 0),
  )
  return feeds
}

/** Made-up feeds. Throws `unsupported` for inputs that are not tensors, and for those of more than 2^27 values. */
export function makeFeeds(inputs: readonly TensorInfo[], batch: number): Feeds {
  const sizes = new Map<string, number>()
  for (const { shape } of inputs)
    if (typeof shape[0] === 'string' && shape[0] !== '') sizes.set(shape[0], batch)
  const next = random(7)
  const dimsOf = (input: TensorInfo) =>
    input.shape.map((d, axis) => dimension(d, axis, input.shape.length, batch, sizes))
  const pasts = inputs.some(input => inputCache(input))
  const tokens = inputs.find(i => usualRole(i.name) === 'ids' && i.shape.length === 2)
  return Object.fromEntries(
    inputs.map(input => {
      const cache = inputCache(input)
      if (cache) return [input.name, zeros(cache.type, cacheShape(cache, batch, 0))]
      const follows = pasts && tokens && usualRole(input.name) === 'mask'
      const dims = dimsOf(follows ? tokens : input)
      return [input.name, { type: elementType(input), dims, data: madeUp(input, dims, next) }]
    }),
  )
}

function dimension(
  d: number | string,
  axis: number,
  rank: number,
  batch: number,
  sizes: ReadonlyMap<string, number>,
): number {
  if (typeof d === 'number' && d >= 0) return d
  const known = typeof d === 'string' ? sizes.get(d) : undefined
  if (known !== undefined) return known
  if (axis === 0) return batch
  const name = String(d)
  if (/seq|len|time|token|frame|step/i.test(name)) return 128
  if (/height|width|^[hw]$/i.test(name)) return 224
  if (rank === 4) return axis === 1 ? 3 : 224
  return 16
}

function elementType({ name, type }: TensorInfo): ElementType {
  if (type === 'sequence')
    throw new BantamError('unsupported', `Input ${name} is not a tensor.`, { where: name })
  // Types that cannot be exchanged were refused when the session was opened.
  return type as ElementType
}

/** More values than this are not made up: half a gigabyte, and seconds of work. */
const MADE_UP_LIMIT = 2 ** 27

function madeUp(input: TensorInfo, dims: readonly number[], next: () => number): TensorData {
  const count = elementCount(dims)
  const role = dims.length === 2 && isNumericType(input.type) ? usualRole(input.name) : undefined
  if (count <= MADE_UP_LIMIT && (role === 'mask' || role === 'positions')) {
    const width = dims[1] ?? 1
    const length = Math.min(width, input.rows ?? width)
    const made = Int32Array.from({ length: count }, (_, i) => (role === 'mask' ? 1 : (i % width) % length))
    return wholeTensor(made, [...dims], input.type).data
  }
  if (count > MADE_UP_LIMIT) {
    throw new BantamError(
      'unsupported',
      `Input ${input.name} of shape [${dims.join(', ')}] is too large to make values up for it.`,
      { where: input.name, action: 'Give data.' },
    )
  }
  return values(input, count, next)
}

function values({ name, type }: TensorInfo, count: number, next: () => number): TensorData {
  const many = { length: count }
  const fill = <A>(
    array: { from(source: ArrayLike<unknown>, map: () => number): A },
    make: () => number,
  ): A => array.from(many, make)
  const small = () => (/^sr$|sampl\w*_?rate/i.test(name) ? 16000 : next() < 0.5 ? 0 : 1)
  switch (type) {
    case 'float64':
      return fill(Float64Array, next)
    case 'float16':
      return fill(Uint16Array, () => floatToHalf(next()))
    case 'int8':
      return fill(Int8Array, () => Math.floor(next() * 256) - 128)
    case 'uint8':
      return fill(Uint8Array, () => Math.floor(next() * 256))
    case 'int16':
      return fill(Int16Array, small)
    case 'uint16':
      return fill(Uint16Array, small)
    case 'int32':
      return fill(Int32Array, small)
    case 'uint32':
      return fill(Uint32Array, small)
    case 'int64':
      return BigInt64Array.from(Array.from(many, small), BigInt)
    case 'uint64':
      return BigUint64Array.from(Array.from(many, small), BigInt)
    case 'bool':
      return fill(Uint8Array, () => 1)
    case 'string':
      return new Array<string>(count).fill('a')
    default:
      return fill(Float32Array, next)
  }
}
