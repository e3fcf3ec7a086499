/**
 * Writes zip archives of any size (zip64 where needed), streaming. Entries are stored, not deflated: weights do not
 * shrink, and a stored archive of a 2 GB model is made at the speed of the disk.
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { crc32 } from 'node:zlib'
import { BantamError } from '../../shared/errors'

export interface ZipEntry {
  /** Name in the archive, with `/` between folders. */
  name: string
  /** A file on disk, or the bytes themselves. */
  content: string | Uint8Array
}

interface Written {
  name: Buffer
  crc: number
  size: number
  offset: number
}

const LIMIT = 0xffffffff
/** Bit 11: names are UTF-8. */
const FLAGS = 0x0800

/** Writes `path`; answers with its size in bytes. A file that changes while it is being read is refused. */
export async function writeZip(
  path: string,
  entries: readonly ZipEntry[],
  signal?: AbortSignal,
): Promise<number> {
  const stream = createWriteStream(path, { flags: 'wx' })
  let offset = 0
  // Between two writes nobody waits for the stream, and an error of its own would go unheard.
  let failure: unknown
  stream.on('error', error => {
    failure ??= error
  })
  const write = async (bytes: Uint8Array) => {
    signal?.throwIfAborted()
    if (failure !== undefined) throw failure
    offset += bytes.length
    if (!stream.write(bytes)) await once(stream, 'drain')
  }
  try {
    await once(stream, 'open')
    const written: Written[] = []
    for (const { name, content } of entries) {
      const { crc, size } = await measure(content)
      const entry = { name: Buffer.from(name), crc, size, offset }
      await write(localHeader(entry))
      const start = offset
      for await (const chunk of chunks(content)) await write(chunk)
      if (offset - start !== size)
        throw new BantamError('bad-file', 'A file changed while it was being packed.', { where: name })
      written.push(entry)
    }
    const directory = offset
    for (const entry of written) await write(centralHeader(entry))
    await write(endRecords(written.length, directory, offset - directory))
    stream.end()
    await finished(stream)
    return offset
  } catch (error) {
    stream.destroy()
    throw error
  }
}

async function measure(content: string | Uint8Array): Promise<{ crc: number; size: number }> {
  let crc = 0
  let size = 0
  for await (const chunk of chunks(content)) {
    crc = crc32(chunk, crc)
    size += chunk.length
  }
  return { crc, size }
}

async function* chunks(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  if (typeof content !== 'string') {
    yield content
    return
  }
  if (!(await stat(content)).isFile())
    throw new BantamError('bad-file', 'Only files can be packed.', { where: content })
  const file = await open(content, 'r')
  try {
    yield* file.createReadStream({ highWaterMark: 1 << 20, autoClose: false })
  } finally {
    await file.close()
  }
}

/** APPNOTE 4.3.7. Sizes are known beforehand, so no data descriptor follows. */
function localHeader({ name, crc, size }: Written): Buffer {
  const extra = size >= LIMIT ? zip64Extra([size, size]) : Buffer.alloc(0)
  const head = Buffer.alloc(30)
  head.writeUInt32LE(0x04034b50, 0)
  common(head.subarray(4), extra.length > 0, crc, size, name.length, extra.length)
  return Buffer.concat([head, name, extra])
}

/** APPNOTE 4.3.12. */
function centralHeader({ name, crc, size, offset }: Written): Buffer {
  const large = [...(size >= LIMIT ? [size, size] : []), ...(offset >= LIMIT ? [offset] : [])]
  const extra = large.length > 0 ? zip64Extra(large) : Buffer.alloc(0)
  const head = Buffer.alloc(46)
  head.writeUInt32LE(0x02014b50, 0)
  head.writeUInt16LE(0x0300 | 45, 4) // made by: Unix, version 4.5
  common(head.subarray(6), extra.length > 0, crc, size, name.length, extra.length)
  head.writeUInt32LE((0o100644 << 16) >>> 0, 38)
  head.writeUInt32LE(Math.min(offset, LIMIT), 42)
  return Buffer.concat([head, name, extra])
}

/** The fields local and central headers share. The date is 1980-01-01: the same files give the same archive. */
function common(part: Buffer, zip64: boolean, crc: number, size: number, name: number, extra: number): void {
  part.writeUInt16LE(zip64 ? 45 : 20, 0)
  part.writeUInt16LE(FLAGS, 2)
  part.writeUInt16LE(0, 4)
  part.writeUInt16LE(0, 6)
  part.writeUInt16LE(0x21, 8)
  part.writeUInt32LE(crc, 10)
  part.writeUInt32LE(Math.min(size, LIMIT), 14)
  part.writeUInt32LE(Math.min(size, LIMIT), 18)
  part.writeUInt16LE(name, 22)
  part.writeUInt16LE(extra, 24)
}

/** APPNOTE 4.5.3. */
function zip64Extra(values: number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(8 * values.length, 2)
  for (const [i, value] of values.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i)
  return extra
}

/** APPNOTE 4.3.14 to 4.3.16. */
function endRecords(count: number, offset: number, size: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(Math.min(count, 0xffff), 8)
  end.writeUInt16LE(Math.min(count, 0xffff), 10)
  end.writeUInt32LE(Math.min(size, LIMIT), 12)
  end.writeUInt32LE(Math.min(offset, LIMIT), 16)
  if (offset < LIMIT && size < LIMIT && count < 0xffff) return end
  const large = Buffer.alloc(56 + 20)
  large.writeUInt32LE(0x06064b50, 0)
  large.writeBigUInt64LE(44n, 4)
  large.writeUInt16LE(45, 12)
  large.writeUInt16LE(45, 14)
  large.writeBigUInt64LE(BigInt(count), 24)
  large.writeBigUInt64LE(BigInt(count), 32)
  large.writeBigUInt64LE(BigInt(size), 40)
  large.writeBigUInt64LE(BigInt(offset), 48)
  large.writeUInt32LE(0x07064b50, 56)
  large.writeBigUInt64LE(BigInt(offset + size), 64)
  large.writeUInt32LE(1, 72)
  return Buffer.concat([large, end])
}
