/**
 * Resizing as Pillow does it (and so torchvision and most training code), to the last bit, so that a picture enters the
 * model here as it did in training. (Pillow 13 does columns first where the height shrinks much more than the width,
 * which changes some values by one level of 255; versions before always do rows first, as here.) Method: https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c
 *
 * An output pixel o is the weighted mean of the input pixels around (o + ½) s, s = input size / output size, with the
 * filter stretched by max(s, 1) (antialiasing). Weights are rounded to multiples of 2⁻²²; rows are done first, rounded
 * to 8 bits, then columns. Nearest takes the pixel at floor((o + ½) s).
 */
import type { ImagePreprocessing } from '../../shared/domain'
import type { Pixels } from './pixels'

type Interpolation = ImagePreprocessing['interpolation']

const PRECISION = 22

interface Weights {
  /** First input place for each output place, and how many. */
  first: Int32Array
  taps: Int32Array
  /** `width` weights for each output place. */
  values: Int32Array
  width: number
}

/** The picture in another size. Unchanged when it has that size. */
export function resize(pixels: Pixels, width: number, height: number, how: Interpolation): Pixels {
  if (how === 'nearest') return nearest(pixels, width, height)
  const wide = width === pixels.width ? pixels : resizeRows(pixels, width, how)
  return height === wide.height ? wide : resizeColumns(wide, height, how)
}

function nearest(pixels: Pixels, width: number, height: number): Pixels {
  if (width === pixels.width && height === pixels.height) return pixels
  const { channels } = pixels
  const data = new Uint8Array(width * height * channels)
  const columns = Uint32Array.from({ length: width }, (_, x) =>
    Math.min(pixels.width - 1, Math.floor((x + 0.5) * (pixels.width / width))),
  )
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.min(pixels.height - 1, Math.floor((y + 0.5) * (pixels.height / height)))
    for (let x = 0; x < width; x++) {
      const from = (row * pixels.width + (columns[x] ?? 0)) * channels
      for (let c = 0; c < channels; c++) data[at++] = pixels.data[from + c] ?? 0
    }
  }
  return { width, height, channels, data }
}

function resizeRows(pixels: Pixels, width: number, how: Interpolation): Pixels {
  const { channels, height, data } = pixels
  const weights = makeWeights(pixels.width, width, how)
  const out = new Uint8Array(width * height * channels)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = (y * pixels.width + (weights.first[x] ?? 0)) * channels
      for (let c = 0; c < channels; c++) out[at++] = weighted(data, start + c, channels, weights, x)
    }
  }
  return { width, height, channels, data: out }
}

function resizeColumns(pixels: Pixels, height: number, how: Interpolation): Pixels {
  const { channels, width, data } = pixels
  const weights = makeWeights(pixels.height, height, how)
  const stride = width * channels
  const out = new Uint8Array(height * stride)
  for (let y = 0, at = 0; y < height; y++) {
    const start = (weights.first[y] ?? 0) * stride
    for (let x = 0; x < stride; x++) out[at++] = weighted(data, start + x, stride, weights, y)
  }
  return { width, height, channels, data: out }
}

/** One output value: the pixels from `start`, `step` apart, weighted, rounded and clipped to 8 bits. */
function weighted(data: Uint8Array, start: number, step: number, weights: Weights, place: number): number {
  const taps = weights.taps[place] ?? 0
  const base = place * weights.width
  let sum = 1 << (PRECISION - 1)
  for (let k = 0, at = start; k < taps; k++, at += step) {
    sum += (data[at] ?? 0) * (weights.values[base + k] ?? 0)
  }
  const value = sum >> PRECISION
  return value < 0 ? 0 : value > 255 ? 255 : value
}

function makeWeights(from: number, to: number, how: Interpolation): Weights {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const support = (how === 'bicubic' ? 2 : 1) * stretch
  const filter = how === 'bicubic' ? cubic : triangle
  const width = Math.ceil(support) * 2 + 1
  const first = new Int32Array(to)
  const taps = new Int32Array(to)
  const values = new Int32Array(to * width)
  for (let place = 0; place < to; place++) {
    const center = (place + 0.5) * scale
    const low = Math.max(0, Math.trunc(center - support + 0.5))
    const high = Math.min(from, Math.trunc(center + support + 0.5))
    const raw = Array.from({ length: high - low }, (_, k) => filter((k + low - center + 0.5) * (1 / stretch)))
    const sum = raw.reduce((total, w) => total + w, 0)
    first[place] = low
    taps[place] = high - low
    for (const [k, weight] of raw.entries()) {
      const scaled = (sum === 0 ? weight : weight * (1 / sum)) * 2 ** PRECISION
      values[place * width + k] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }
  }
  return { first, taps, values, width }
}

function triangle(x: number): number {
  const distance = Math.abs(x)
  return distance < 1 ? 1 - distance : 0
}

/** Keys's cubic with a = -½. */
function cubic(x: number): number {
  const a = -0.5
  const d = Math.abs(x)
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a
  return 0
}
