/** How small weights get in an archive: zeros compress, other float weights hardly. */

import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { breathe, type TaskContext } from '../jobs/context'

/** Bytes compressed at a time, and how many of all are. */
const CHUNK = 1 << 18
const MEASURED = 4 << 20
const LEVEL = 9

const compress = promisify(deflate)

/**
 * Bytes of the arrays compressed by DEFLATE (RFC 1951) at level 9, in pieces of a quarter of a megabyte. Of more than 4 MB evenly
 * spaced pieces are compressed and the sum is scaled, which `exact` tells. Each array is made when it is its turn.
 */
export async function compressedSize(
  arrays: readonly { bytes: number; read(): Uint8Array }[],
  context: TaskContext,
): Promise<{ bytes: number; exact: boolean }> {
  const total = arrays.reduce((sum, array) => sum + array.bytes, 0)
  const every = Math.max(1, Math.ceil(total / MEASURED))
  let [piece, taken, small] = [0, 0, 0]
  for (const array of arrays) {
    let bytes: Uint8Array | undefined
    for (let from = 0; from < array.bytes; from += CHUNK) {
      if (piece++ % every !== 0) continue
      bytes ??= array.read()
      const part = bytes.subarray(from, from + CHUNK)
      small += (await compress(part, { level: LEVEL })).length
      taken += part.length
      await breathe(context)
    }
  }
  return { bytes: Math.round(taken > 0 ? (small * total) / taken : 0), exact: every === 1 }
}
