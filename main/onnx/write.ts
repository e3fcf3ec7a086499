/**
 * Writing ONNX files. The message is written in pieces in the order of its field numbers (as protobuf's own writers
 * do), weights one after the other straight from where they lie, so that memory holds the graph and one piece of a
 * weight. Files appear whole or not at all: they are written under temporary names, flushed and renamed, the data
 * file before the model that refers to it.
 *
 *   ModelProto { 1…6, graph = 7 { node, name | initializer = 5 { 1…8, raw_data = 9, 10… } | 10… }, 8… }
 */
import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { DescMessage, Message } from '@bufbuild/protobuf'
import { toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { TensorProto } from 'onnx-buf'
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { embedNode } from './embed'
import { assignPlaces, type Place, placedTensor } from './layout'
import type { Model } from './model'
import { isPaged, withoutMark } from './paged'
import { payloadPieces } from './payload'
import { shallow } from './shallow'
import { isExternal, tensorByteLength } from './tensor'
import { eachTensor } from './walk'

const MODEL_GRAPH = 7
const GRAPH_INITIALIZER = 5
const TENSOR_RAW_DATA = 9
/** A protobuf message may not pass 2 GiB; some room is left for readers that count differently. */
const SINGLE_FILE_LIMIT = 1_900_000_000

/** Bytes at hand, or a weight to be read when its turn comes. */
type Piece = Uint8Array | { weight: TensorProto; length: number }

/**
 * The model as one protobuf message. External tensors stay external (give the model's directory to whoever reads it).
 * Throws `unsupported` when it would pass 2 GB: write such a model with `writeModel`.
 */
export function serialize(model: Model): Uint8Array<ArrayBuffer> {
  const pieces = modelPieces(model, tensor => ({ tensor, inline: !isExternal(tensor) }))
  const length = lengthOf(pieces)
  if (length > 2 ** 31 - 1) throw tooLarge(length)
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    for (const part of piece instanceof Uint8Array ? [piece] : payloadPieces(piece.weight, model.directory)) {
      bytes.set(part, at)
      at += part.byteLength
    }
  }
  return bytes
}

/**
 * Writes the model to `path`. Its weights go to `path.data` beside it when the whole would pass `externalAbove` bytes;
 * by default when it would pass 1.9 GB, or when the model came with external data. A weight that several tensors share
 * is written once. Either all files appear whole or none does. A model that is written over the files it was read from
 * must be read again before it is used further.
 * Throws what reading its weights throws, `unsupported` when the graph alone passes 2 GB, and the system's errors.
 */
export async function writeModel(
  model: Model,
  path: string,
  options: { externalAbove?: number } = {},
): Promise<{ files: string[]; sizeBytes: number }> {
  const dataPath = wantsExternal(model, options.externalAbove) ? `${path}.data` : null
  const places = dataPath ? assignPlaces(model, basename(dataPath)) : new Map<TensorProto, Place>()
  const pieces = modelPieces(model, tensor => {
    const place = places.get(tensor)
    return place ? { tensor: placedTensor(tensor, place), inline: false } : { tensor, inline: true }
  })
  const length = lengthOf(pieces)
  if (length > 2 ** 31 - 1) throw tooLarge(length)
  const targets: { path: string; write: (file: Sink) => Promise<void> }[] = []
  if (dataPath) targets.push({ path: dataPath, write: sink => writeData(model, places, sink) })
  targets.push({ path, write: sink => writePieces(pieces, model.directory, sink) })
  const sizes = await replaceFiles(targets)
  return { files: [path, ...(dataPath ? [dataPath] : [])], sizeBytes: sizes.reduce((sum, n) => sum + n, 0) }
}

function tooLarge(bytes: number): BantamError {
  return new BantamError(
    'unsupported',
    `The model's file would have ${bytes} bytes; an ONNX file may have 2 GB.`,
    {
      action: 'Store its weights as external data.',
    },
  )
}

/** Whether the weights go beside the model. */
function wantsExternal(model: Model, above: number | undefined): boolean {
  let bytes = 0
  let external = false
  eachTensor(model.proto, tensor => {
    if (isExternal(tensor)) {
      bytes += tensorByteLength(tensor)
      external ||= !isPaged(tensor)
    } else bytes += tensor.rawData.byteLength + 4 * (tensor.floatData.length + tensor.int32Data.length)
  })
  if (above !== undefined) return bytes > above
  return external || bytes > SINGLE_FILE_LIMIT
}

// ---------------------------------------------------------------- the message in pieces

/** How a tensor of the main graph is written: `inline` with its payload in the message, else as it is. */
type Form = (tensor: TensorProto) => { tensor: TensorProto; inline: boolean }

function modelPieces(model: Model, form: Form): Piece[] {
  const { proto } = model
  const graph = graphPieces(model, form)
  return [
    part(ModelProtoSchema, proto, no => no < MODEL_GRAPH),
    header(MODEL_GRAPH, lengthOf(graph)),
    ...graph,
    part(ModelProtoSchema, proto, no => no > MODEL_GRAPH, true),
  ]
}

function graphPieces(model: Model, form: Form): Piece[] {
  const graph = shallow(model.graph.proto)
  graph.node = graph.node.map(node => embedNode(node, model.directory, tensor => form(tensor)))
  return [
    part(GraphProtoSchema, graph, no => no < GRAPH_INITIALIZER),
    ...graph.initializer.flatMap(tensor => tensorPieces(form(tensor))),
    part(GraphProtoSchema, graph, no => no > GRAPH_INITIALIZER, true),
  ]
}

function tensorPieces({ tensor, inline }: { tensor: TensorProto; inline: boolean }): Piece[] {
  const clean = withoutMark(tensor)
  const streamed = inline && (isExternal(tensor) || tensor.rawData.byteLength > 0)
  if (!streamed) {
    const bytes = toBinary(TensorProtoSchema, isExternal(tensor) && !inline ? clean : tensor)
    return [header(GRAPH_INITIALIZER, bytes.byteLength), bytes]
  }
  const bare = shallow(clean)
  if (isExternal(tensor)) {
    bare.externalData = []
    Reflect.deleteProperty(bare, 'dataLocation')
  }
  const length = isExternal(tensor) ? tensorByteLength(tensor) : tensor.rawData.byteLength
  const body: Piece[] = [
    part(TensorProtoSchema, bare, no => no < TENSOR_RAW_DATA),
    header(TENSOR_RAW_DATA, length),
    isExternal(tensor) ? { weight: tensor, length } : tensor.rawData,
    part(TensorProtoSchema, bare, no => no > TENSOR_RAW_DATA, true),
  ]
  return [header(GRAPH_INITIALIZER, lengthOf(body)), ...body]
}

/** The bytes of the fields whose number is wanted; unknown fields go with the last part. */
function part<T extends Message>(
  schema: DescMessage,
  message: T,
  wanted: (fieldNumber: number) => boolean,
  last = false,
): Uint8Array {
  const copy = shallow(message) as T & Record<string, unknown>
  for (const field of schema.fields) {
    if (wanted(field.number)) continue
    if (field.fieldKind === 'list') Object.assign(copy, { [field.localName]: [] })
    else Reflect.deleteProperty(copy, field.localName)
  }
  // The option would drop unknown fields of inner messages as well.
  if (!last) Reflect.deleteProperty(copy, '$unknown')
  return toBinary(schema, copy)
}

function header(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
}

function lengthOf(pieces: readonly Piece[]): number {
  return pieces.reduce(
    (sum, piece) => sum + (piece instanceof Uint8Array ? piece.byteLength : piece.length),
    0,
  )
}

// ---------------------------------------------------------------- files

interface Sink {
  write(bytes: Uint8Array): Promise<void>
}

async function writePieces(pieces: readonly Piece[], directory: string | null, sink: Sink): Promise<void> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) await sink.write(piece)
    else for (const bytes of payloadPieces(piece.weight, directory)) await sink.write(bytes)
  }
}

async function writeData(model: Model, places: ReadonlyMap<TensorProto, Place>, sink: Sink): Promise<void> {
  let at = 0
  for (const [tensor, { offset, length }] of places) {
    if (offset < at) continue // shares a weight written before
    if (offset > at) await sink.write(new Uint8Array(offset - at))
    for (const bytes of payloadPieces(tensor, model.directory)) await sink.write(bytes)
    at = offset + length
  }
}

/** Writes all files under temporary names, then renames them in order. Returns their sizes; leaves nothing on failure. */
async function replaceFiles(
  targets: readonly { path: string; write: (sink: Sink) => Promise<void> }[],
): Promise<number[]> {
  const tag = randomBytes(6).toString('hex')
  const written = targets.map(t => join(dirname(t.path), `.${basename(t.path)}.${tag}.tmp`))
  const sizes: number[] = []
  try {
    for (const [i, target] of targets.entries())
      sizes.push(await writeFileWith(written[i] ?? '', target.write))
    for (const [i, target] of targets.entries()) await rename(written[i] ?? '', target.path)
  } catch (error) {
    for (const path of written) await rm(path, { force: true })
    throw error
  }
  return sizes
}

async function writeFileWith(path: string, write: (sink: Sink) => Promise<void>): Promise<number> {
  const file = await open(path, 'wx')
  let size = 0
  try {
    await write({
      async write(bytes) {
        for (let at = 0; at < bytes.byteLength; ) {
          const { bytesWritten } = await file.write(bytes, at, Math.min(bytes.byteLength - at, 1 << 28))
          at += bytesWritten
        }
        size += bytes.byteLength
      },
    })
    await file.sync()
  } finally {
    await file.close()
  }
  return size
}
