/** .parquet: decoded one row group at a time into a packed table. */
import { closeSync, openSync, readSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import zlib from 'node:zlib'
import {
  type AsyncBuffer,
  type ColumnData,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet'
import { BantamError } from '../../shared/errors'
import type { RawTable } from './raw'
import { TablePacker } from './table'

/** Snappy is hyparquet's own; Zstandard needs Node 22.15. */
const COMPRESSORS: Compressors = {
  GZIP: bytes => zlib.gunzipSync(bytes),
  BROTLI: bytes => zlib.brotliDecompressSync(bytes),
  ...('zstdDecompressSync' in zlib && typeof zlib.zstdDecompressSync === 'function'
    ? { ZSTD: zlib.zstdDecompressSync as (bytes: Uint8Array) => Uint8Array }
    : {}),
}

/** Opens a Parquet file (uncompressed, Snappy, gzip, Brotli). Throws `bad-file` for what is none, `unsupported` for other codecs. */
export async function openParquet(path: string): Promise<RawTable> {
  const { size } = await stat(path)
  const descriptor = openSync(path, 'r')
  let packer: TablePacker | undefined
  try {
    const file = asyncBuffer(descriptor, size)
    const metadata = await parquetMetadataAsync(file)
    refuseCodecs(metadata, path)
    const names = topColumns(metadata)
    packer = new TablePacker(names, path)
    let first = 0
    for (const group of metadata.row_groups) {
      const rows = Number(group.num_rows)
      await packGroup(file, metadata, names, first, rows, packer)
      first += rows
    }
    if (packer.count === 0) throw new BantamError('bad-data', 'The table has no rows.', { where: path })
    const { table, close } = packer.finish()
    const files = [{ name: basename(path), path }]
    return { kind: 'table', format: 'parquet', count: packer.count, table, notes: [], files, close }
  } catch (error) {
    packer?.discard()
    if (error instanceof BantamError || (error instanceof Error && 'syscall' in error)) throw error
    const message = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '')
    throw new BantamError('bad-file', `The file is no readable Parquet file: ${message}.`, {
      where: path,
      action: 'It may be truncated: copy or save it again.',
      cause: error,
    })
  } finally {
    closeSync(descriptor)
  }
}

function asyncBuffer(descriptor: number, size: number): AsyncBuffer {
  return {
    byteLength: size,
    slice(start, end = size) {
      if (start < 0 || end > size || end < start) throw new Error('it points outside the file')
      const bytes = new Uint8Array(end - start)
      for (let done = 0; done < bytes.length; ) {
        const got = readSync(descriptor, bytes, done, bytes.length - done, start + done)
        if (got === 0) throw new Error('it ends too early')
        done += got
      }
      return bytes.buffer
    },
  }
}

function refuseCodecs(metadata: FileMetaData, path: string): void {
  for (const group of metadata.row_groups) {
    for (const { meta_data } of group.columns) {
      const codec = meta_data?.codec ?? 'UNCOMPRESSED'
      if (codec === 'UNCOMPRESSED' || codec === 'SNAPPY' || COMPRESSORS[codec]) continue
      throw new BantamError('unsupported', `The file is compressed with ${codec}, which is not supported.`, {
        where: path,
        action: 'Save it with Snappy compression or none.',
      })
    }
  }
}

/** Names of the columns at the top of the schema tree (depth first, the root first). */
function topColumns(metadata: FileMetaData): string[] {
  const names: string[] = []
  const skip = (at: number): number => {
    let next = at + 1
    for (let child = 0; child < (metadata.schema[at]?.num_children ?? 0); child++) next = skip(next)
    return next
  }
  for (let at = 1; at < metadata.schema.length; at = skip(at)) names.push(metadata.schema[at]?.name ?? '')
  return names
}

async function packGroup(
  file: AsyncBuffer,
  metadata: FileMetaData,
  names: readonly string[],
  first: number,
  rows: number,
  packer: TablePacker,
): Promise<void> {
  const columns = new Map<string, ColumnData[]>()
  await parquetRead({
    file,
    metadata,
    compressors: COMPRESSORS,
    rowStart: first,
    rowEnd: first + rows,
    onChunk: chunk => {
      const known = columns.get(chunk.columnName)
      if (known) known.push(chunk)
      else columns.set(chunk.columnName, [chunk])
    },
  })
  for (let row = first; row < first + rows; row++) {
    packer.add(names.map(name => cellAt(columns.get(name), row)))
  }
}

function cellAt(chunks: readonly ColumnData[] | undefined, row: number): unknown {
  const chunk = chunks?.find(c => row >= c.rowStart && row < c.rowEnd)
  const value: unknown = chunk?.columnData[row - chunk.rowStart]
  return value instanceof Date ? value.getTime() : value
}
