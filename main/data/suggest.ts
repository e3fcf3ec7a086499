/**
 * A guess at preprocessing from the model's input and the data. What a model was trained with cannot be seen in it, so
 * every guess that could be wrong comes with a note that says so.
 */
import type { ArrayPreprocessing, ImagePreprocessing, Note, TensorInfo } from '../../shared/domain'
import { IDENTITY } from './array'
import type { Binding } from './bind'
import { pictureLayout } from './picture'
import { fitShape } from './shape'
import { isFloatType } from './values'

export interface Suggestion {
  preprocessing: ImagePreprocessing | ArrayPreprocessing
  notes: Note[]
}

/** Side of a picture when the model takes any: a multiple of 32, as strided networks need. */
const DEFAULT_SIDE = 224
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
/** Colour pictures at least this large were most likely trained with ImageNet's statistics. */
const IMAGENET_SIDE = 128

/** Preprocessing for data bound to a model's inputs. */
export function suggestPreprocessing(bindings: readonly Binding[]): Suggestion {
  for (const binding of bindings) {
    if (binding.kind === 'pictures') return suggestForPictures(binding.input)
    if (binding.kind !== 'array' || binding.field.type !== 'uint8') continue
    if (!fits(binding) && pictureLayout(binding.field.shape)) return suggestForPictures(binding.input)
    if (isFloatType(binding.input.type)) {
      return {
        preprocessing: { ...IDENTITY, scale: 1 / 255 },
        notes: [guess('Bytes are divided by 255 to give 0 to 1')],
      }
    }
  }
  return { preprocessing: IDENTITY, notes: [] }
}

function fits(binding: Extract<Binding, { kind: 'array' }>): boolean {
  try {
    fitShape(binding.field.shape, binding.input, binding.field.name)
    return true
  } catch {
    return false
  }
}

function guess(what: string): Note {
  return {
    code: 'preprocessing-guess',
    severity: 'warning',
    message: `${what}: a guess, since a model does not say what it was trained with.`,
    action: 'Compare it with the preprocessing of the training.',
  }
}

/** Picture preprocessing for one model input, from its shape and type. */
export function suggestForPictures(input: TensorInfo): Suggestion {
  const { height, width, channels, layout, open } = pictureInput(input)
  const base: ImagePreprocessing = {
    kind: 'image',
    height,
    width,
    channels,
    layout,
    fit: 'crop',
    cropScale: 1,
    interpolation: 'bilinear',
    scale: 1 / 255,
    mean: [0],
    std: [1],
    padValue: 0,
  }
  const size: Note[] = open
    ? [
        {
          code: 'size-guess',
          severity: 'warning',
          message: `The model takes pictures of any size; ${width} × ${height} is suggested.`,
          action: 'Choose the size it will be used with.',
        },
      ]
    : []
  if (!isFloatType(input.type)) return { preprocessing: { ...base, scale: 1 }, notes: size }
  if (channels === 'rgb' && Math.min(height, width) >= IMAGENET_SIDE) {
    return {
      preprocessing: { ...base, ...IMAGENET, cropScale: 256 / 224 },
      notes: [
        ...size,
        guess('Pixels are divided by 255 and normalised with the mean and deviation of ImageNet'),
      ],
    }
  }
  return { preprocessing: base, notes: [...size, guess('Pixels are divided by 255 to give 0 to 1')] }
}

/** Size, channels and layout an input asks for. */
function pictureInput(
  input: TensorInfo,
): Pick<ImagePreprocessing, 'height' | 'width' | 'channels' | 'layout'> & { open: boolean } {
  const dims = input.shape.slice(1).map(d => (typeof d === 'number' && d > 0 ? d : undefined))
  const flatSide = dims.length === 1 && dims[0] ? Math.sqrt(dims[0]) : 0
  if (Number.isInteger(flatSide) && flatSide > 1) dims.splice(0, 1, 1, flatSide, flatSide)
  if (dims.length === 2) dims.unshift(1)
  const last = dims[2]
  const nhwc = dims[0] !== 1 && dims[0] !== 3 && (last === 1 || last === 3)
  const [channels, height, width] = nhwc ? [last, dims[0], dims[1]] : dims
  return {
    channels: channels === 1 ? 'gray' : 'rgb',
    layout: nhwc ? 'NHWC' : 'NCHW',
    height: limited(height),
    width: limited(width),
    open: height === undefined || width === undefined,
  }
}

function limited(side: number | undefined): number {
  return side === undefined ? DEFAULT_SIDE : Math.min(side, 8192)
}
