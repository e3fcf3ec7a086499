/**
 * Pictures → model input, by the `ImagePreprocessing` of a specification:
 *
 *  1. colour: three channels from gray by repeating it, gray from colour by ITU-R 601 luma
 *  2. size: resized as Pillow does (see resize.ts)
 *     - stretch: to width × height
 *     - crop: so that the picture covers round(width · cropScale) × round(height · cropScale), one side exactly, the
 *       other rounded down; then the middle width × height (offset rounded half to even, as torchvision's CenterCrop)
 *     - pad: so that it fits inside width × height, centred on `padValue`
 *  3. values: (pixel · scale - mean) / std in double precision, per channel in the order of `channels`, rounded once to
 *     the model's type; padding is (padValue - mean) / std
 *  4. layout: NCHW or NHWC
 */
import type { ImagePreprocessing } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { crop, type Pixels, toGray, toRgb } from './pixels'
import { resize } from './resize'

/** Shape of one preprocessed picture, without the batch axis. */
export function imageShape(options: ImagePreprocessing): number[] {
  const channels = options.channels === 'gray' ? 1 : 3
  return options.layout === 'NCHW'
    ? [channels, options.height, options.width]
    : [options.height, options.width, channels]
}

/** Throws `bad-option` when mean or std do not fit the channels, or std is 0. */
export function checkImageOptions(options: ImagePreprocessing): void {
  const channels = options.channels === 'gray' ? 1 : 3
  for (const name of ['mean', 'std'] as const) {
    const { length } = options[name]
    if (length !== 1 && length !== channels) {
      throw new BantamError(
        'bad-option',
        `${name} has ${length} values; the picture has ${channels} channel${channels > 1 ? 's' : ''}.`,
        { where: `preprocessing.${name}`, action: `Give one value, or ${channels}.` },
      )
    }
  }
  if (options.std.some(value => value === 0)) {
    throw new BantamError('bad-option', 'std is 0, by which nothing can be divided.', {
      where: 'preprocessing.std',
    })
  }
}

/** Values of one picture in the layout of the options, not yet rounded to the model's type. */
export function preprocessImage(pixels: Pixels, options: ImagePreprocessing): Float64Array {
  const colour = options.channels === 'gray' ? toGray(pixels) : toRgb(pixels)
  const { picture, left, top } = fitPicture(colour, options)
  const { channels } = picture
  const { width, height } = options
  const out = new Float64Array(channels * width * height)
  for (let c = 0; c < channels; c++) {
    const mean = options.mean[c] ?? options.mean[0] ?? 0
    const std = options.std[c] ?? options.std[0] ?? 1
    const levels = Float64Array.from({ length: 256 }, (_, level) => (level * options.scale - mean) / std)
    const padding = (options.padValue - mean) / std
    const source = options.channels === 'bgr' ? 2 - c : c
    const nchw = options.layout === 'NCHW'
    const step = nchw ? 1 : channels
    for (let y = 0; y < height; y++) {
      let at = nchw ? (c * height + y) * width : y * width * channels + c
      const row = y - top
      const inside = row >= 0 && row < picture.height
      for (let x = 0; x < width; x++, at += step) {
        const column = x - left
        out[at] =
          inside && column >= 0 && column < picture.width
            ? (levels[picture.data[(row * picture.width + column) * channels + source] ?? 0] ?? 0)
            : padding
      }
    }
  }
  return out
}

/** The resized picture, and where its corner lies in the output. */
function fitPicture(
  pixels: Pixels,
  options: ImagePreprocessing,
): { picture: Pixels; left: number; top: number } {
  const { width, height, interpolation } = options
  if (options.fit === 'stretch') {
    return { picture: resize(pixels, width, height, interpolation), left: 0, top: 0 }
  }
  if (options.fit === 'pad') {
    const ratio = Math.min(width / pixels.width, height / pixels.height)
    const inner = [pixels.width, pixels.height].map(side => Math.max(1, Math.round(side * ratio)))
    const [w = width, h = height] = [Math.min(width, inner[0] ?? 1), Math.min(height, inner[1] ?? 1)]
    const picture = resize(pixels, w, h, interpolation)
    return { picture, left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2) }
  }
  const [w, h] = coverSize(pixels, options)
  const resized = resize(pixels, w, h, interpolation)
  const left = roundHalfEven((w - width) / 2)
  const top = roundHalfEven((h - height) / 2)
  return { picture: crop(resized, left, top, width, height), left: 0, top: 0 }
}

/** Size that covers the crop: one side exact, the other in proportion, rounded down. */
function coverSize(pixels: Pixels, options: ImagePreprocessing): [number, number] {
  const wide = Math.round(options.width * options.cropScale)
  const high = Math.round(options.height * options.cropScale)
  // wide / width ≥ high / height, without division.
  if (wide * pixels.height >= high * pixels.width) {
    return [wide, Math.max(high, Math.floor((wide * pixels.height) / pixels.width))]
  }
  return [Math.max(wide, Math.floor((high * pixels.width) / pixels.height)), high]
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
