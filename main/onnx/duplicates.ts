/** Weights stored more than once. Only tensors that agree in a small sample of their bytes are read whole. */
import { createHash } from 'node:crypto'
import type { TensorProto } from 'onnx-buf'
import { TensorProto_DataType } from 'onnx-buf'
import type { Model } from './model'
import { openPayload } from './payload'
import { tensorByteLength } from './tensor'

/** Smaller tensors are not worth a person's attention, nor a reader's indirection. */
const WORTH = 1024
const SAMPLE = 4096
/** Bytes read and hashed at a time. */
const PIECE = 16 << 20

export interface Duplicates {
  names: string[]
  /** Bytes of one copy. */
  bytes: number
}

/** Groups of two or more initializers of the main graph with the same type, shape and bytes, of 1 kB or more. */
export function duplicateWeights(model: Model, atLeast = WORTH): Duplicates[] {
  const all = [...model.graph.initializers()].filter(
    t => t.dataType !== TensorProto_DataType.STRING && tensorByteLength(t) >= atLeast,
  )
  const alike = groups(all, t => `${t.dataType}:${t.dims.join(',')}`)
  const sampled = alike.flatMap(list => groups(list, t => fingerprint(t, model.directory, SAMPLE)))
  const equal = sampled.flatMap(list =>
    groups(list, t => fingerprint(t, model.directory, Number.POSITIVE_INFINITY)),
  )
  return equal.map(list => ({
    names: list.map(t => t.name),
    bytes: tensorByteLength(list[0] as TensorProto),
  }))
}

/** Lists of two or more items with the same key, in the order met. */
function groups<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const found = new Map<string, T[]>()
  for (const item of items) {
    const k = key(item)
    const list = found.get(k)
    if (list) list.push(item)
    else found.set(k, [item])
  }
  return [...found.values()].filter(list => list.length > 1)
}

/** Hash of the first and last `limit` bytes of the payload, read in pieces. */
function fingerprint(tensor: TensorProto, directory: string | null, limit: number): string {
  const hash = createHash('sha256')
  const size = tensorByteLength(tensor)
  const ranges: [number, number][] =
    size <= 2 * limit
      ? [[0, size]]
      : [
          [0, limit],
          [size - limit, size],
        ]
  const read = openPayload(tensor, directory)
  try {
    for (const [from, to] of ranges) {
      for (let at = from; at < to; at += PIECE) hash.update(read.bytes(at, Math.min(PIECE, to - at)))
    }
  } finally {
    read.close()
  }
  return hash.digest('hex')
}
