/** What the snippets of every language say about a model's inputs, worked out once. */
import type { ImagePreprocessing, Preprocessing, TensorInfo } from '../../../shared/domain'

export interface SnippetModel {
  /** File name of the exported model. */
  file: string
  inputs: readonly TensorInfo[]
  outputs: readonly TensorInfo[]
  preprocessing: Preprocessing | null
  classes: readonly string[]
}

export interface SnippetInput {
  name: string
  type: string
  /** Concrete shape for one sample: symbolic dimensions are 1. */
  shape: number[]
  /** Number of elements. */
  size: number
  /** Names of the symbolic dimensions that were set to 1. */
  free: string[]
}

/** Inputs with every symbolic dimension set to 1, as a first run with one sample needs. */
export function snippetInputs(model: SnippetModel): SnippetInput[] {
  return model.inputs.map(input => {
    const shape = input.shape.map(d => (typeof d === 'number' && d > 0 ? d : 1))
    const free = input.shape.flatMap(d => (typeof d === 'number' && d > 0 ? [] : [String(d) || '?']))
    return { name: input.name, type: input.type, shape, size: shape.reduce((a, b) => a * b, 1), free }
  })
}

/** The image preprocessing, when the model's first input is fed by pictures. */
export function imageOf(model: SnippetModel): ImagePreprocessing | null {
  return model.preprocessing?.kind === 'image' ? model.preprocessing : null
}

/** Numbers of channels of the tensor that an image becomes. */
export function channelCount(image: ImagePreprocessing): number {
  return image.channels === 'gray' ? 1 : 3
}

/** Pixel value (0…255) of the padding: `padValue` is given after `scale`. */
export function padPixel(image: ImagePreprocessing): number {
  return Math.max(0, Math.min(255, Math.round(image.padValue / image.scale)))
}

/** Size to which an image is resized before the centre crop. */
export function resizeTo(image: ImagePreprocessing): { height: number; width: number } {
  const factor = image.fit === 'crop' ? image.cropScale : 1
  return { height: Math.round(image.height * factor), width: Math.round(image.width * factor) }
}

/** 'float32 [N, 1, 28, 28]', as a comment says it. */
export function signature(info: TensorInfo): string {
  return `${info.name}: ${info.type} [${info.shape.map(d => (d === '' ? '?' : d)).join(', ')}]`
}

/** A number as source code: 1/255 stays readable. */
export function numberCode(value: number): string {
  return Math.abs(value - 1 / 255) < 1e-15 ? '1 / 255' : String(value)
}

/** True where the first output is one score per class, so that the largest is the answer. */
export function isClassifier(model: SnippetModel): boolean {
  const last = model.outputs[0]?.shape.at(-1)
  return model.classes.length > 1 && last === model.classes.length
}
