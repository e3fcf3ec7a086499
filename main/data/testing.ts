/** Makers of small files for tests of the readers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import type { TensorInfo } from '../../shared/domain'
import type { TaskContext } from '../jobs/context'

/** A folder that `remove` takes away again. */
export function tempFolder(): { path: string; file: (name: string) => string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'bantam-data-test-'))
  return {
    path,
    file: name => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Bytes of a .npy file; `bytes` are the values as they lie in it. */
export function npyBytes(
  descr: string,
  shape: readonly number[],
  bytes: Uint8Array,
  options: { fortran?: boolean; version?: 1 | 2 | 3 } = {},
): Uint8Array {
  const { fortran = false, version = 1 } = options
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${dims}), }`
  const start = version === 1 ? 10 : 12
  const header = `${text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1)}\n`
  const head = Buffer.alloc(start)
  head.write('\x93NUMPY', 'latin1')
  head[6] = version
  if (version === 1) head.writeUInt16LE(header.length, 8)
  else head.writeUInt32LE(header.length, 8)
  return Buffer.concat([head, Buffer.from(header, 'latin1'), bytes])
}

/** Bytes of typed values, little-endian as they are. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/** An archive like numpy.savez (level 0) or numpy.savez_compressed makes. */
export function npzBytes(arrays: Record<string, Uint8Array>, level: 0 | 6 = 0): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])), {
    level,
  })
}

export function floatInput(shape: TensorInfo['shape'], name = 'input'): TensorInfo {
  return { name, type: 'float32', shape }
}

/** A task's context that does nothing. */
export const quietContext: TaskContext = {
  progress() {},
  log() {},
  signal: new AbortController().signal,
  tempDir: tmpdir(),
}
