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

/** Half a unit of the last bit kept, so that the shift rounds to nearest. */
const HALF = 1 << (PRECISION - 1)

function resizeRows(pixels: Pixels, width: number, how: Interpolation): Pixels {
  const { channels, height, data } = pixels
  const { first, taps, values, width: span } = makeWeights(pixels.width, width, how)
  const out = new Uint8ClampedArray(width * height * channels)
  for (let y = 0, at = 0; y < height; y++) {
    const row = y * pixels.width
    for (let x = 0; x < width; x++) {
      const start = (row + (first[x] ?? 0)) * channels
      const end = x * span + (taps[x] ?? 0)
      for (let c = 0; c < channels; c++) {
        let sum = HALF
        for (let k = x * span, from = start + c; k < end; k++, from += channels) {
          // | 0 keeps the sum a 32-bit integer for the compiler; it never exceeds one.
          sum = (sum + (data[from] ?? 0) * (values[k] ?? 0)) | 0
        }
        out[at++] = sum >> PRECISION
      }
    }
  }
  return { width, height, channels, data: new Uint8Array(out.buffer) }
}

/** Adds whole rows, which is several times faster than walking down each column. */
function resizeColumns(pixels: Pixels, height: number, how: Interpolation): Pixels {
  const { channels, width, data } = pixels
  const { first, taps, values, width: span } = makeWeights(pixels.height, height, how)
  const stride = width * channels
  const out = new Uint8ClampedArray(height * stride)
  const sums = new Int32Array(stride)
  for (let y = 0; y < height; y++) {
    sums.fill(HALF)
    for (let k = 0; k < (taps[y] ?? 0); k++) {
      const weight = values[y * span + k] ?? 0
      const start = ((first[y] ?? 0) + k) * stride
      const row = data.subarray(start, start + stride)
      for (let x = 0; x < stride; x++) sums[x] = (sums[x] ?? 0) + (row[x] ?? 0) * weight
    }
    for (let x = 0; x < stride; x++) out[y * stride + x] = (sums[x] ?? 0) >> PRECISION
  }
  return { width, height, channels, data: new Uint8Array(out.buffer) }
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
