/** Arrays that look like pictures: as pixels, for preprocessing and for showing. */
import type { ElementType, TensorData } from '../runtime/tensor'
import type { Pixels } from './pixels'
import { numbersOf } from './values'

export interface PictureLayout {
  height: number
  width: number
  channels: 1 | 3
  order: 'NCHW' | 'NHWC'
}

const SHORTEST = 4
const LONGEST = 8192

/** How an array of this shape is a picture: [H, W], [1|3, H, W] or [H, W, 1|3] with sides from 4 to 8192. */
export function pictureLayout(shape: readonly number[]): PictureLayout | undefined {
  const [a = 0, b = 0, c = 0] = shape
  if (shape.length === 2 && isSide(a) && isSide(b)) return { height: a, width: b, channels: 1, order: 'NCHW' }
  if (shape.length !== 3) return undefined
  if ((a === 1 || a === 3) && isSide(b) && isSide(c))
    return { height: b, width: c, channels: a, order: 'NCHW' }
  if ((c === 1 || c === 3) && isSide(a) && isSide(b))
    return { height: a, width: b, channels: c, order: 'NHWC' }
  return undefined
}

function isSide(d: number): boolean {
  return d >= SHORTEST && d <= LONGEST
}

/** 8-bit values of one sample as interleaved pixels. */
export function toPixels(values: Uint8Array, layout: PictureLayout): Pixels {
  const { width, height, channels, order } = layout
  if (order === 'NHWC' || channels === 1) return { width, height, channels, data: values }
  const data = new Uint8Array(values.length)
  const plane = width * height
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) data[i * channels + c] = values[c * plane + i] ?? 0
  }
  return { width, height, channels, data }
}

/**
 * One sample's values as 8-bit levels for showing: bytes as they are; numbers within 0 … 1 times 255; others stretched
 * from the sample's smallest to its largest value. Not for computing.
 */
export function toLevels(data: TensorData, type: ElementType): Uint8Array {
  if (data instanceof Uint8Array && type === 'uint8') return data
  const values = numbersOf(data, type)
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const bytes = low >= 0 && high > 1 && high <= 255 && values.every(Number.isInteger)
  const [from, span] = bytes ? [0, 255] : low >= 0 && high <= 1 ? [0, 1] : [low, high - low || 1]
  return Uint8Array.from(values, value => Math.round(((value - from) / span) * 255))
}

/**
 * One sample's values as 8-bit levels: `low` becomes 0 and `high` 255, in a straight line between them. Values that are
 * all equal become 0.
 */
export function stretchLevels(values: ArrayLike<number>, low: number, high: number): Uint8Array {
  const span = high - low || 1
  return Uint8Array.from(values, value => Math.round(((value - low) / span) * 255))
}
