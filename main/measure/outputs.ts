/**
 * What a model answered, kept so that variants can be compared later on the very same samples.
 *
 * File: the bytes `BANTAMO1`, the header's length (uint32), the header (JSON, blank-padded so that what follows starts
 * at a multiple of 8), then little-endian: sample numbers (uint32, padded to 8 bytes), labels (float64, when there are
 * any), each output's values (float32) in the header's order, and of a language model its answers: texts (uint32), losses
 * (float32), predicted and actual tokens (int32).
 */
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { SplitName } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { LanguageAnswers } from '../language/answers'
import type { ElementType } from '../runtime/tensor'

/**
 * Values kept per sample of an output. Wider outputs are thinned to this many, evenly spaced; the main output of a
 * classifier or regression is always kept whole.
 */
export const VALUES_PER_SAMPLE = 4096
/** Values kept of one output over all samples (512 MB); above it, fewer per sample. */
export const VALUES_PER_OUTPUT = 2 ** 27

export interface StoredOutput {
  name: string
  type: ElementType
  /** Shape of one sample's answer, without the batch axis. */
  shape: number[]
  /** Values one sample has, and how many of them are kept, evenly spaced: value j is number floor(j·size/width). */
  size: number
  width: number
  /** Samples × width, as float32 whatever the model's type. */
  values: Float32Array
}

export interface StoredOutputs {
  /** Hash of the model. */
  model: string
  data: { hash: string; source: string; split: z.infer<typeof SplitName> }
  task: 'classification' | 'regression' | 'none' | 'language'
  /** Name of the output that answers the task; null when none fits. */
  main: string | null
  /** Sample numbers in the dataset, in the order of the values. */
  indices: Uint32Array
  labels: Float64Array | null
  outputs: StoredOutput[]
  /** Of a language model: what it said of every next token. */
  language?: LanguageAnswers
}

const Header = z.object({
  model: z.string(),
  data: z.object({ hash: z.string(), source: z.string(), split: SplitName }),
  task: z.enum(['classification', 'regression', 'none', 'language']),
  main: z.string().nullable(),
  count: z.number().int().min(0),
  labels: z.boolean(),
  /** Predictions of a window, where there are some: their lists follow the outputs. */
  language: z.object({ width: z.number().int().min(1) }).optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      shape: z.array(z.number().int()),
      size: z.number().int(),
      width: z.number().int().min(0),
    }),
  ),
})

const MAGIC = 'BANTAMO1'
const START = MAGIC.length + 4

/** The output that answers the task. */
export function mainOutput(stored: StoredOutputs): StoredOutput | undefined {
  return stored.outputs.find(o => o.name === stored.main)
}

/** Writes the file whole or not at all. */
export async function writeOutputs(path: string, stored: StoredOutputs): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, encode(stored))
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}

function encode(stored: StoredOutputs): Uint8Array[] {
  const { indices, labels, outputs, language, ...rest } = stored
  const header = {
    ...rest,
    count: indices.length,
    labels: labels !== null,
    ...(language ? { language: { width: language.width } } : {}),
    outputs: outputs.map(({ values: _, ...about }) => about),
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = padded(START + text.length) - START
  const head = Buffer.alloc(START + length, ' ')
  head.write(MAGIC, 0, 'latin1')
  head.writeUInt32LE(length, MAGIC.length)
  text.copy(head, START)
  const numbers = Buffer.alloc(padded(indices.byteLength))
  numbers.set(bytesOf(indices))
  const said = language ? [language.texts, language.loss, language.predicted, language.actual] : []
  const values = [...outputs.map(o => o.values), ...said]
  return [head, numbers, ...(labels ? [bytesOf(labels)] : []), ...values.map(bytesOf)]
}

/** Reads outputs back. Throws `bad-file` when the file is not one, or is cut short. */
export async function readOutputs(path: string): Promise<StoredOutputs> {
  const bytes = await readFile(path)
  const broken = (cause?: unknown) =>
    new BantamError('bad-file', 'These are no stored outputs, or the file is damaged.', {
      where: path,
      action: 'Measure the model again.',
      cause,
    })
  if (bytes.length < START || bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) throw broken()
  const end = START + bytes.readUInt32LE(MAGIC.length)
  let header: z.infer<typeof Header>
  try {
    header = Header.parse(JSON.parse(bytes.toString('utf8', START, end)))
  } catch (cause) {
    throw broken(cause)
  }
  const { count, labels: labelled, outputs, language, ...rest } = header
  const expected = outputs.reduce(
    (sum, o) => sum + 4 * count * o.width,
    end + padded(4 * count) + (labelled ? 8 * count : 0) + 4 * answerPlaces(count, language?.width),
  )
  if (bytes.length !== expected) throw broken()
  // A copy of its own: Node may hand out a slice of a shared pool that is not aligned.
  const buffer = new Uint8Array(bytes).buffer
  let at = end + padded(4 * count)
  const labels = labelled ? new Float64Array(buffer, at, count) : null
  at += labelled ? 8 * count : 0
  const read = outputs.map(output => {
    const values = new Float32Array(buffer, at, count * output.width)
    at += values.byteLength
    // Written from an ElementType.
    return { ...output, type: output.type as ElementType, values }
  })
  return {
    ...rest,
    indices: new Uint32Array(buffer, end, count),
    labels,
    outputs: read,
    ...(language ? { language: readAnswers(buffer, at, count, language.width) } : {}),
  }
}

/** Numbers in the answers of a language model to `count` windows. */
function answerPlaces(count: number, width: number | undefined): number {
  return width === undefined ? 0 : count * (1 + 3 * width)
}

function readAnswers(buffer: ArrayBuffer, at: number, count: number, width: number): LanguageAnswers {
  const places = count * width
  const start = at + 4 * count
  return {
    width,
    texts: new Uint32Array(buffer, at, count),
    loss: new Float32Array(buffer, start, places),
    predicted: new Int32Array(buffer, start + 4 * places, places),
    actual: new Int32Array(buffer, start + 8 * places, places),
  }
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
