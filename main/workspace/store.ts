/**
 * Content-addressed files: `files/ab/cdef…` for single files, `models/ab/cdef…/` for a model with its external data.
 * A file is written under `tmp/`, flushed to disk, read back and hashed, and then renamed into place: what lies under
 * a hash is whole. Putting the same content twice is harmless, so a job's process may do it before anything is
 * recorded; what no record names is collected at the next start.
 */
import { createHash, randomUUID } from 'node:crypto'
import { constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BantamError } from '../../shared/errors'

export class FileStore {
  constructor(readonly folder: string) {
    for (const part of ['files', 'models', 'tmp']) mkdirSync(join(folder, part), { recursive: true })
  }

  /** Path of a single file relative to the workspace. */
  relativePath(hash: string): string {
    return join('files', hash.slice(0, 2), hash.slice(2))
  }

  path(hash: string): string {
    return join(this.folder, this.relativePath(hash))
  }

  /** Folder of a model, relative to the workspace. */
  relativeModelFolder(hash: string): string {
    return join('models', hash.slice(0, 2), hash.slice(2))
  }

  modelFolder(hash: string): string {
    return join(this.folder, this.relativeModelFolder(hash))
  }

  modelPath(hash: string): string {
    return join(this.modelFolder(hash), 'model.onnx')
  }

  has(hash: string): boolean {
    return existsSync(this.path(hash))
  }

  /** An empty folder under `tmp/`, named after `label`. */
  async tempFolder(label: string): Promise<string> {
    const path = join(this.folder, 'tmp', `${label}-${randomUUID()}`)
    await mkdir(path, { recursive: true })
    return path
  }

  /** Stores bytes; returns their SHA-256. Throws `no-space` and leaves nothing when the disk is full. */
  async putBytes(bytes: Uint8Array): Promise<string> {
    return this.put(async draft => {
      const file = await open(draft, 'wx')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
    })
  }

  /** Stores a copy of a file; returns its SHA-256. `where` of an error is the file's path. */
  async putFile(source: string): Promise<string> {
    return this.put(async draft => {
      await copyFile(source, draft, constants.COPYFILE_FICLONE)
      await flush(draft)
    })
  }

  private async put(write: (draft: string) => Promise<void>): Promise<string> {
    const draft = join(this.folder, 'tmp', randomUUID())
    try {
      await write(draft)
      const hash = await fileHash(draft)
      const place = this.path(hash)
      if (!existsSync(place)) {
        await mkdir(dirname(place), { recursive: true })
        await rename(draft, place)
        await flushFolder(dirname(place))
      }
      return hash
    } catch (error) {
      throw diskError(error, this.folder)
    } finally {
      await rm(draft, { force: true })
    }
  }
}

/** SHA-256 of a file in hex, streamed. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'r')
  try {
    for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20, autoClose: false }))
      hash.update(chunk)
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

/** Makes the kernel write a file's bytes to the disk. */
export async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes a rename last. Windows cannot open folders and needs no such call. */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A full disk as a `no-space` error that names the folder; anything else unchanged. */
export function diskError(error: unknown, folder: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return new BantamError('no-space', 'The disk that holds the workspace is full.', {
    where: folder,
    action: 'Free some space and try again; nothing was left half written.',
    cause: error,
  })
}

export function fileSize(path: string): number {
  return statSync(path).size
}
