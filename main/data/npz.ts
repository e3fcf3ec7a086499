/** .npz archives and .npy files. Stored members are read in place; deflated ones are inflated once, streaming. */
import { closeSync, openSync, readSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { crc32 } from 'node:zlib'
import yauzl from 'yauzl'
import { BantamError } from '../../shared/errors'
import { ByteCollector, type ByteStore, FileStore } from './bytes'
import { ArrayField } from './field'
import { toRowMajor } from './fortran'
import { NPY_HEADER_LIMIT, parseNpyHeader } from './npy'
import type { RawArrays } from './raw'

/**
 * Opens an .npz archive. Every array's first axis counts samples and must agree; arrays without axes are constants.
 * Throws `bad-file` for a broken archive or array, `bad-data` when the counts differ.
 */
export async function openNpz(path: string): Promise<RawArrays> {
  const descriptor = openSync(path, 'r')
  const stores: ByteStore[] = []
  const close = () => {
    for (const store of stores) store.close()
    closeSync(descriptor)
  }
  try {
    const zip = await yauzl.fromFdPromise(descriptor, { autoClose: false, lazyEntries: true })
    const fields: ArrayField[] = []
    for await (const entry of zip.eachEntry()) {
      if (!entry.fileName.endsWith('.npy')) continue
      const { store, offset, size } = await openMember(zip, entry, descriptor, path)
      stores.push(store)
      const name = entry.fileName.slice(0, -4)
      fields.push(arrayField(name, store, offset, size, `${path}:${name}`, stores))
    }
    if (fields.length === 0) throw new BantamError('bad-data', 'The archive holds no array.', { where: path })
    return {
      kind: 'arrays',
      format: 'npz',
      fields,
      count: commonCount(fields, path),
      notes: [],
      files: [{ name: basename(path), path }],
      close,
    }
  } catch (error) {
    close()
    if (error instanceof BantamError || isSystemError(error)) throw error
    throw new BantamError('bad-file', `The file is no readable .npz archive: ${messageOf(error)}.`, {
      where: path,
      action: 'It may be truncated: copy or save it again.',
      cause: error,
    })
  }
}

/** Opens a .npy file as a field named after the file, with its labels from another .npy. Throws as `openNpz`. */
export async function openNpy(path: string, labelPath?: string): Promise<RawArrays> {
  const stores: ByteStore[] = []
  const close = () => {
    for (const store of stores) store.close()
  }
  const read = async (file: string) => {
    const { size } = await stat(file)
    const store = new FileStore(openSync(file, 'r'), size, file, 0, true)
    stores.push(store)
    return arrayField(basename(file).replace(/\.npy$/i, ''), store, 0, size, file, stores)
  }
  try {
    const fields = [await read(path)]
    const files = [{ name: basename(path), path }]
    if (labelPath) {
      fields.push(await read(labelPath))
      files.push({ name: basename(labelPath), path: labelPath })
    }
    const labelField = labelPath ? { labelField: fields[1]?.name ?? '' } : {}
    return {
      kind: 'arrays',
      format: 'npy',
      fields,
      count: commonCount(fields, path),
      notes: [],
      files,
      close,
      ...labelField,
    }
  } catch (error) {
    close()
    throw error
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'errno' in error
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
}

async function openMember(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  descriptor: number,
  path: string,
): Promise<{ store: ByteStore; offset: number; size: number }> {
  const where = `${path}:${entry.fileName}`
  if (!entry.canDecodeFileData()) {
    const why = entry.isEncrypted() ? 'encrypted' : 'compressed in a way that is not supported'
    throw new BantamError('unsupported', `The array is ${why}.`, {
      where,
      action: 'Save it with numpy.savez or numpy.savez_compressed.',
    })
  }
  const size = entry.uncompressedSize
  if (entry.compressionMethod === 0) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
    return { store: new FileStore(descriptor, fileDataStart + size, path), offset: fileDataStart, size }
  }
  return { store: await inflate(zip, entry, where), offset: 0, size }
}

/** Streams a deflated member into memory or a temporary file, and checks its size and CRC. */
async function inflate(zip: yauzl.ZipFile, entry: yauzl.Entry, where: string): Promise<ByteStore> {
  const collector = new ByteCollector()
  let crc = 0
  try {
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      if (collector.size === 0) checkClaim(chunk, entry, where)
      crc = crc32(chunk, crc)
      collector.append(chunk)
    }
    if (crc !== entry.crc32) throw new Error('the checksum does not match')
    return collector.finish()
  } catch (error) {
    collector.discard()
    if (error instanceof BantamError || isSystemErrorOfDisk(error)) throw error
    throw new BantamError('bad-file', `The array cannot be unpacked: ${messageOf(error)}.`, {
      where,
      action: 'It may be damaged: copy or save it again.',
      cause: error,
    })
  }
}

function isSystemErrorOfDisk(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

/** Compares sizes before unpacking, so that an archive that claims a huge array for a small one is not unpacked. */
function checkClaim(chunk: Uint8Array, entry: yauzl.Entry, where: string): void {
  // The first chunk of an inflate stream is 16 KiB or the whole; longer headers are checked once unpacked.
  const header = chunk.length >= 4096 ? parseHeaderIfWhole(chunk, where) : undefined
  if (header && header.dataOffset + header.dataSize !== entry.uncompressedSize) {
    throw claimError(header.dataSize, entry.uncompressedSize - header.dataOffset, where)
  }
}

function parseHeaderIfWhole(chunk: Uint8Array, where: string) {
  const length = chunk[6] === 1 ? (chunk[8] ?? 0) + 256 * (chunk[9] ?? 0) + 10 : Number.POSITIVE_INFINITY
  return length <= chunk.length ? parseNpyHeader(chunk, where) : undefined
}

function claimError(claimed: number, held: number, where: string): BantamError {
  return new BantamError('bad-file', `The array claims ${claimed} bytes of values and holds ${held}.`, {
    where,
    action: 'It may be truncated: copy or save it again.',
  })
}

/** The array that begins at `offset` of a store and is `size` bytes long, header included. */
function arrayField(
  name: string,
  store: ByteStore,
  offset: number,
  size: number,
  where: string,
  stores: ByteStore[],
): ArrayField {
  const head = new Uint8Array(Math.min(NPY_HEADER_LIMIT, size))
  store.readInto(head, offset)
  const header = parseNpyHeader(head, where)
  if (header.dataOffset + header.dataSize > size) {
    throw claimError(header.dataSize, size - header.dataOffset, where)
  }
  const { type, itemSize, bigEndian, text } = header
  const base = { itemSize, bigEndian, ...(text ? { text } : {}) }
  const [count, ...shape] = header.shape
  let layout = { ...base, store, offset: offset + header.dataOffset }
  if (header.fortran && header.shape.length > 1) {
    const turned = toRowMajor(store, layout.offset, itemSize, header.shape)
    stores.push(turned)
    layout = { ...base, store: turned, offset: 0 }
  }
  return new ArrayField(name, type, shape, count ?? 1, layout, count === undefined)
}

function commonCount(fields: readonly ArrayField[], path: string): number {
  // Class names count classes, not samples.
  const counted = fields.filter(f => !f.constant && !(f.name === 'classes' && f.type === 'string'))
  const count = counted[0]?.count
  if (count === undefined) {
    throw new BantamError('bad-data', 'No array has a first axis that counts samples.', { where: path })
  }
  if (counted.some(f => f.count !== count)) {
    const list = counted.map(f => `${f.name} ${f.count}`).join(', ')
    throw new BantamError('bad-data', `The arrays hold different numbers of samples: ${list}.`, {
      where: path,
      action: 'The first axis of every array must count the same samples.',
    })
  }
  return count
}

/** First bytes of a file. */
export function fileHead(path: string, length: number): Uint8Array {
  const descriptor = openSync(path, 'r')
  try {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, 0))
  } finally {
    closeSync(descriptor)
  }
}
