/**
 * What the runnable examples are written from. An example stands either inside a deployment bundle, beside the sample
 * and its answers, or alone beside the model file; both come from the same function.
 */
import type {
  DatasetSummary,
  ImagePreprocessing,
  Preprocessing,
  TensorInfo,
  TextPreprocessing,
} from '../domain'

/** ONNX Runtime whose answers a bundle holds, and which the examples ask for. */
export const RUNTIME = '1.30.0'
/** Outputs that may be shown as classes need at least two of them. */
const FEWEST_CLASSES = 2

export interface ExampleModel {
  /** Name of the model, as a person gave it. */
  name: string
  /** File name of the model. */
  file: string
  inputs: readonly TensorInfo[]
  outputs: readonly TensorInfo[]
  preprocessing: Preprocessing | null
  classes: readonly string[]
  /** Output whose values answer for the classes, see `answerOf`; null when the model is no classifier. */
  answer: string | null
  /** What lies around the example in a bundle; null: it stands alone beside the model file. */
  bundle: { external: readonly string[] } | null
}

/** The float output with one value per class. `outputs` with the shapes they were found or declared to have. */
export function answerOf(
  outputs: readonly TensorInfo[],
  data: Pick<DatasetSummary, 'task' | 'classes'> | null,
): string | null {
  if (data?.task !== 'classification' || data.classes.length < FEWEST_CLASSES) return null
  const answer = outputs.find(o => o.type.startsWith('float') && o.shape.at(-1) === data.classes.length)
  return answer?.name ?? null
}

export interface ExampleInput {
  name: string
  type: string
  /** Concrete shape for one sample: symbolic dimensions are 1, or what the picture has there. */
  shape: number[]
  /** Number of elements. */
  size: number
  /** Whether what is given for it goes through the preprocessing; if not, it is a .npy as the model is fed. */
  prepared: boolean
}

/** Inputs as a first run with one sample feeds them. Pictures are for the first input, arrays for all of its type, texts for those with a role. */
export function exampleInputs(model: ExampleModel): ExampleInput[] {
  const image = imageOf(model)
  const text = textOf(model)
  return model.inputs.map((input, i) => {
    if (text?.roles[input.name]) {
      const length = text.maxLength ?? 1
      return { name: input.name, type: input.type, shape: [1, length], size: length, prepared: true }
    }
    const picture = image && i === 0 && input.shape.length === 4 ? pictureShape(image) : []
    const shape = input.shape.map((d, axis) => (typeof d === 'number' && d > 0 ? d : (picture[axis] ?? 1)))
    const size = shape.reduce((a, b) => a * b, 1)
    const prepared = image ? i === 0 : !text && input.type === model.inputs[0]?.type
    return { name: input.name, type: input.type, shape, size, prepared }
  })
}

/** The image preprocessing, when the model's first input is fed by pictures. */
export function imageOf(model: ExampleModel): ImagePreprocessing | null {
  return model.preprocessing?.kind === 'image' ? model.preprocessing : null
}

/** The text preprocessing, when the model is fed by texts. */
export function textOf(model: ExampleModel): TextPreprocessing | null {
  return model.preprocessing?.kind === 'text' ? model.preprocessing : null
}

/** Numbers of channels of the tensor that an image becomes. */
export function channelCount(image: ImagePreprocessing): number {
  return image.channels === 'gray' ? 1 : 3
}

/** Shape of the tensor that one picture becomes, batch axis included. */
export function pictureShape(image: ImagePreprocessing): number[] {
  const { height, width } = image
  const channels = channelCount(image)
  return image.layout === 'NCHW' ? [1, channels, height, width] : [1, height, width, channels]
}

/** What a FILE of the command line is. */
export function fileKind(model: ExampleModel): string {
  if (textOf(model)) return 'a text, or two that belong together'
  return imageOf(model) ? 'a picture' : 'a .npy file of raw values'
}

/** True where raw values go in unchanged, but for their type. */
export function isIdentity(p: Preprocessing | null): boolean {
  return (
    p === null ||
    (p.kind === 'array' && p.scale === 1 && p.mean.every(m => m === 0) && p.std.every(s => s === 1))
  )
}

/** What is done to raw values before they are fed, as comment lines; nothing where they go in unchanged. */
export function arrayNote(model: ExampleModel, comment: string): string[] {
  const p = model.preprocessing
  if (p?.kind !== 'array' || isIdentity(p)) return []
  const scaled = p.scale === 1 ? 'x' : `x * ${scaleCode(p.scale)}`
  const isShifted = p.mean.some(m => m !== 0) || p.std.some(s => s !== 1)
  if (!isShifted) return [`${comment} Measured with ${scaled}.`]
  return [
    `${comment} Measured with (${scaled} - mean) / std,`,
    `${comment} mean = [${p.mean.join(', ')}], std = [${p.std.join(', ')}]`,
  ]
}

/** A factor as source text: 1/255 stays readable. */
function scaleCode(value: number): string {
  return Math.abs(value - 1 / 255) < 1e-15 ? '(1 / 255)' : String(value)
}

/** A literal that JavaScript and Python (for text C# too) all read, safe inside an HTML script element. */
export function literal(value: string | readonly string[] | Preprocessing): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
}

/** Text for a comment: one line, without control characters. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a comment must not end early
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
}

/** 'input: float32 [batch, 1, 28, 28]' */
export function shapeLine(t: TensorInfo): string {
  return oneLine(`${t.name}: ${t.type} [${t.shape.map(d => (d === '' ? '?' : d)).join(', ')}]`)
}

/** File of an input's sample. */
export function sampleFile(index: number): string {
  return `sample/${index}.npy`
}

/** The lines every example starts with, behind the comment sign of its language. */
export function headLines(model: ExampleModel, comment: string): string[] {
  return [
    `${comment} Inputs:  ${model.inputs.map(shapeLine).join('; ')}`,
    `${comment} Outputs: ${model.outputs.map(shapeLine).join('; ')}`,
    ...arrayNote(model, comment),
  ]
}
