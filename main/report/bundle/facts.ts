/** What the examples of a bundle are written from. */
import type { Preprocessing, TensorInfo } from '../../../shared/domain'

export interface BundleFacts {
  /** Name of the model, as a person gave it. */
  name: string
  inputs: TensorInfo[]
  outputs: TensorInfo[]
  preprocessing: Preprocessing | null
  /** Output whose values answer for the classes; null when the model is no classifier. */
  answer: string | null
}

/** A string literal that JavaScript, Python and C# all read, safe inside an HTML script element. */
export function literal(text: string): string {
  return JSON.stringify(text)
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
