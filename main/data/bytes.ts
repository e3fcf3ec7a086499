/**
 * Random access to bytes that may be larger than memory: part of a file, or what was streamed out of a compressed or
 * textual one. Reads are synchronous: for small samples a read through the thread pool costs ten times the read itself,
 * and datasets are read in job processes.
 */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BantamError } from '../../shared/errors'

export interface ByteStore {
  readonly size: number
  /** Fills `target` from `offset`. Throws `bad-file` when the bytes end before. */
  readInto(target: Uint8Array, offset: number): void
  close(): void
}

/** Up to here a decompressed array stays in memory; above, it goes to a temporary file. */
const MEMORY_LIMIT = 64 * 2 ** 20
const READ_LIMIT = 2 ** 30

/** `size` bytes of an open file from `start`. Closing the store closes the descriptor only if it owns it. */
export class FileStore implements ByteStore {
  constructor(
    private readonly descriptor: number,
    readonly size: number,
    private readonly file: string,
    private readonly start = 0,
    private readonly owned = false,
  ) {}

  readInto(target: Uint8Array, offset: number): void {
    if (offset < 0 || offset + target.length > this.size) throw tooShort(this.file)
    for (let done = 0; done < target.length; ) {
      const length = Math.min(READ_LIMIT, target.length - done)
      const got = readSync(this.descriptor, target, done, length, this.start + offset + done)
      if (got === 0) throw tooShort(this.file)
      done += got
    }
  }

  close(): void {
    if (this.owned) closeSync(this.descriptor)
  }
}

function tooShort(file: string): BantamError {
  return new BantamError('bad-file', 'The file ends too early.', {
    where: file,
    action: 'It may be truncated: copy or download it again.',
  })
}

class MemoryStore implements ByteStore {
  readonly size: number
  constructor(private readonly bytes: Uint8Array) {
    this.size = bytes.length
  }

  readInto(target: Uint8Array, offset: number): void {
    if (offset < 0 || offset + target.length > this.size) throw tooShort('memory')
    target.set(this.bytes.subarray(offset, offset + target.length))
  }

  close(): void {}
}

/** Collects bytes: in memory while they are few, then in a temporary file that is gone when its descriptor closes. */
export class ByteCollector {
  private chunks: Uint8Array[] = []
  private descriptor: number | undefined
  private path = ''
  private buffered = 0
  private written = 0

  constructor(private readonly memoryLimit = MEMORY_LIMIT) {}

  get size(): number {
    return this.written + this.buffered
  }

  /** Keeps `bytes` by reference: the caller does not change them afterwards. */
  append(bytes: Uint8Array): void {
    this.chunks.push(bytes)
    this.buffered += bytes.length
    const limit = this.descriptor === undefined ? this.memoryLimit : 2 ** 20
    if (this.buffered > limit) this.flush()
  }

  private flush(): void {
    this.descriptor ??= this.openTemporary()
    for (const chunk of this.chunks) {
      for (let done = 0; done < chunk.length; ) {
        done += writeSync(this.descriptor, chunk, done, chunk.length - done)
      }
    }
    this.written += this.buffered
    this.buffered = 0
    this.chunks = []
  }

  /** The name is removed at once, so that nothing is left behind even when the process is killed. */
  private openTemporary(): number {
    this.path = join(tmpdir(), `bantam-data-${randomUUID()}`)
    const descriptor = openSync(this.path, 'wx+', 0o600)
    unlinkSync(this.path)
    return descriptor
  }

  finish(): ByteStore {
    if (this.descriptor === undefined) return new MemoryStore(Buffer.concat(this.chunks))
    this.flush()
    return new FileStore(this.descriptor, this.written, this.path, 0, true)
  }

  /** Gives up what was collected. */
  discard(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor)
    this.descriptor = undefined
    this.chunks = []
  }
}
