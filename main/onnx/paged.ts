/**
 * Reading a large single-file model without its weights. The file is scanned by positional reads; every large
 * `raw_data` of a graph initializer is cut out and the tensor made to point at the file itself, as external data does:
 *   TensorProto { …, external_data: [location, offset, length], data_location: EXTERNAL }
 * so that weights are read when asked for and never held. `isPaged` tells such tensors from the exporter's own
 * external data, which the writer keeps apart.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { TensorProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { readAt } from './external'
import { shallow } from './shallow'

/** Payloads below this stay in the message. */
const CUT_ABOVE = 1 << 16
const MODEL_GRAPH = 7
const GRAPH_INITIALIZER = 5
const TENSOR_RAW_DATA = 9
const TENSOR_EXTERNAL_DATA = 13
const TENSOR_DATA_LOCATION = 14
const TENSOR_METADATA = 16
/** Key in metadata_props that marks a payload inside a model file (ORT refuses keys it does not know in external_data). */
const MARK = 'bantam.paged'

/** True when the payload was cut out of the model file it came in. */
export function isPaged(tensor: TensorProto): boolean {
  return tensor.metadataProps.some(entry => entry.key === MARK)
}

/** The tensor without the mark that its payload was cut out of a model file. */
export function withoutMark(tensor: TensorProto): TensorProto {
  if (!isPaged(tensor)) return tensor
  const copy = shallow(tensor)
  copy.metadataProps = tensor.metadataProps.filter(entry => entry.key !== MARK)
  return copy
}

/** A stretch of the file to keep as it is, or bytes to put in. */
type Piece = { from: number; to: number } | Uint8Array

interface Field {
  number: number
  wire: number
  /** Where the field (its tag) starts, where its payload starts, and where it ends. */
  start: number
  body: number
  end: number
}

/**
 * The model's bytes with large payloads replaced by references to `name`, the file's name within its folder.
 * Throws `bad-file` when a length does not fit.
 */
export function readWithoutWeights(file: number, size: number, name: string): Uint8Array<ArrayBuffer> {
  const scanner = new Scanner(file, size)
  const pieces = rewrite(scanner, 0, size, field => {
    if (field.number !== MODEL_GRAPH || field.wire !== WireType.LengthDelimited) return null
    const graph = rewrite(scanner, field.body, field.end, inner => {
      if (inner.number !== GRAPH_INITIALIZER || inner.wire !== WireType.LengthDelimited) return null
      const tensor = cutTensor(scanner, inner, name)
      return tensor && wrap(GRAPH_INITIALIZER, tensor)
    })
    return wrap(MODEL_GRAPH, graph)
  })
  return assemble(file, pieces)
}

/** Pieces of a message, `change` giving others for a field or null to keep it. Neighbouring kept fields are one piece. */
function rewrite(
  scanner: Scanner,
  from: number,
  to: number,
  change: (field: Field) => Piece[] | null,
): Piece[] {
  const pieces: Piece[] = []
  let kept = from
  for (let at = from; at < to; ) {
    const field = scanner.field(at, to)
    const changed = change(field)
    if (changed) {
      if (kept < field.start) pieces.push({ from: kept, to: field.start })
      for (const piece of changed) pieces.push(piece)
      kept = field.end
    }
    at = field.end
  }
  if (kept < to) pieces.push({ from: kept, to })
  return pieces
}

function cutTensor(scanner: Scanner, tensor: Field, name: string): Piece[] | null {
  if (tensor.end - tensor.body <= CUT_ABOVE) return null
  let payload: Field | undefined
  const rest = rewrite(scanner, tensor.body, tensor.end, field => {
    if (field.number !== TENSOR_RAW_DATA || field.end - field.body <= CUT_ABOVE) return null
    payload = field
    return []
  })
  if (!payload) return null
  const writer = new BinaryWriter()
  const entries = { location: name, offset: String(payload.body), length: String(payload.end - payload.body) }
  const entry = (field: number, key: string, value: string) => {
    writer.tag(field, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value).join()
  }
  for (const [key, value] of Object.entries(entries)) entry(TENSOR_EXTERNAL_DATA, key, value)
  writer.tag(TENSOR_DATA_LOCATION, WireType.Varint).int32(1)
  entry(TENSOR_METADATA, MARK, '1')
  return [...rest, writer.finish()]
}

function wrap(field: number, pieces: Piece[]): Piece[] {
  const length = pieces.reduce((sum, piece) => sum + pieceLength(piece), 0)
  const head = new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
  return [head, ...pieces]
}

function pieceLength(piece: Piece): number {
  return piece instanceof Uint8Array ? piece.byteLength : piece.to - piece.from
}

function assemble(file: number, pieces: Piece[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + pieceLength(piece), 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece instanceof Uint8Array ? piece : readAt(file, piece.from, piece.to - piece.from), at)
    at += pieceLength(piece)
  }
  return bytes
}

/** Finds fields in a file through a window that moves along. */
class Scanner {
  private window = new Uint8Array(0)
  private windowAt = 0

  constructor(
    private readonly file: number,
    private readonly size: number,
  ) {}

  field(start: number, limit: number): Field {
    const tag = this.varint(start, limit)
    const wire = tag.value % 8
    const number = Math.floor(tag.value / 8)
    let body = tag.end
    let end = body
    if (wire === WireType.LengthDelimited) {
      const length = this.varint(body, limit)
      body = length.end
      end = body + length.value
    } else if (wire === WireType.Varint) end = this.varint(body, limit).end
    else if (wire === WireType.Bit64) end = body + 8
    else if (wire === WireType.Bit32) end = body + 4
    else throw cutOff(start)
    if (end > limit) throw cutOff(start)
    return { number, wire, start, body, end }
  }

  private varint(start: number, limit: number): { value: number; end: number } {
    let value = 0
    for (let i = 0; i < 10; i++) {
      if (start + i >= limit) throw cutOff(start)
      const byte = this.byte(start + i)
      value += (byte & 127) * 128 ** i
      if (byte < 128) return { value, end: start + i + 1 }
    }
    throw cutOff(start)
  }

  private byte(at: number): number {
    if (at < this.windowAt || at >= this.windowAt + this.window.byteLength) {
      this.windowAt = at
      this.window = readAt(this.file, at, Math.min(1 << 13, this.size - at))
    }
    return this.window[at - this.windowAt] ?? 0
  }
}

function cutOff(at: number): BantamError {
  return new BantamError(
    'bad-file',
    `The file is not an ONNX model, or it is damaged: a field runs past its end (byte ${at}).`,
    { action: 'Copy or export the file again.' },
  )
}
