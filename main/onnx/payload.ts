/** Reading a tensor's payload in pieces, so that no weight need be in memory whole. */
import { closeSync, openSync } from 'node:fs'
import type { TensorProto } from 'onnx-buf'
import { checkExternal, externalPath, externalPlace, readAt } from './external'
import { isExternal, tensorByteLength, tensorBytes } from './tensor'

/** Bytes read at a time. */
const PIECE = 16 << 20

export interface Payload {
  readonly length: number
  /** Bytes from `at`, at most up to the end; a view or a copy. */
  bytes(at: number, length: number): Uint8Array
  close(): void
}

/** Opens a payload; close it. Throws as `tensorBytes`. */
export function openPayload(tensor: TensorProto, directory: string | null): Payload {
  const length = tensorByteLength(tensor)
  if (!isExternal(tensor)) {
    const bytes = tensorBytes(tensor, directory)
    return { length, bytes: (at, count) => bytes.subarray(at, at + count), close: () => {} }
  }
  checkExternal(tensor, directory, length)
  const { location, offset } = externalPlace(tensor)
  const file = openSync(externalPath(location, directory), 'r')
  return {
    length,
    bytes: (at, count) => readAt(file, offset + at, Math.min(count, length - at)),
    close: () => closeSync(file),
  }
}

/** The whole payload piece by piece. Throws as `tensorBytes`. */
export function* payloadPieces(tensor: TensorProto, directory: string | null): Generator<Uint8Array> {
  const payload = openPayload(tensor, directory)
  try {
    for (let at = 0; at < payload.length; at += PIECE) yield payload.bytes(at, PIECE)
  } finally {
    payload.close()
  }
}

/** Two tensors with the same key have the same bytes in the same place: shared weights, stored once. */
export function payloadKey(tensor: TensorProto): unknown {
  if (isExternal(tensor)) {
    const { location, offset } = externalPlace(tensor)
    return `${location}:${offset}:${tensorByteLength(tensor)}`
  }
  return tensor.rawData.byteLength > 0 ? tensor.rawData : tensor
}
