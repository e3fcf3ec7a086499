/** Tensors in a temporary file, for what would take too much memory. */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BantamError } from '../../../shared/errors'
import { bytesOf } from '../../onnx/tensor'
import type { Tensor } from '../../runtime/tensor'

/** Where a tensor lies, and what it is. */
export interface Slot {
  at: number
  bytes: number
  empty: Tensor
}

export class Spill {
  /** Places given back, by size: values of one layer are as large as those of the next. */
  private readonly free = new Map<number, number[]>()
  private end = 0

  private constructor(
    private readonly file: FileHandle,
    private readonly path: string,
  ) {}

  /**
   * A new file in a folder. Where the system allows it, its name is taken away at once, so that nothing is left of it
   * however the process ends.
   */
  static async open(folder: string): Promise<Spill> {
    const path = join(folder, `values-${process.pid}-${opened++}`)
    const file = await open(path, 'wx+')
    // Windows may refuse; then the folder's owner removes it.
    await rm(path, { force: true }).catch(() => undefined)
    return new Spill(file, path)
  }

  /** Throws `no-space` when the disk is full. */
  async write(tensor: Tensor): Promise<Slot> {
    const bytes = bytesOf(arrayOf(tensor))
    const at = this.free.get(bytes.byteLength)?.pop() ?? this.end
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await this.file.write(bytes, done, bytes.byteLength - done, at + done)
        done += bytesWritten
      }
    } catch (cause) {
      throw fullDisk(cause, this.path)
    }
    this.end = Math.max(this.end, at + bytes.byteLength)
    return { at, bytes: bytes.byteLength, empty: { ...tensor, data: arrayOf(tensor).slice(0, 0) } as Tensor }
  }

  async read({ at, bytes, empty }: Slot): Promise<Tensor> {
    const made = new ArrayBuffer(bytes)
    const into = new Uint8Array(made)
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await this.file.read(into, done, bytes - done, at + done)
      if (bytesRead === 0) throw new BantamError('internal', 'A temporary file is too short.')
      done += bytesRead
    }
    const data = arrayOf(empty)
    // The constructor of typed arrays is not part of their type.
    const Kind = data.constructor as new (buffer: ArrayBuffer) => typeof data
    return { ...empty, data: new Kind(made) } as Tensor // of the type it was written with
  }

  release({ at, bytes }: Slot): void {
    const places = this.free.get(bytes) ?? []
    places.push(at)
    this.free.set(bytes, places)
  }

  async close(): Promise<void> {
    await this.file.close()
    await rm(this.path, { force: true })
  }
}

/** Files of this process, so that their names differ. */
let opened = 0

type NumberArray = Exclude<Tensor['data'], readonly string[]>

function arrayOf({ data, type }: Tensor): NumberArray {
  if ('buffer' in data) return data
  throw new BantamError('internal', `Values of type ${type} cannot be kept.`)
}

function fullDisk(cause: unknown, path: string): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return cause
  return new BantamError('no-space', 'The disk is full: what layers give on the samples does not fit.', {
    where: path,
    action: 'Free some space, or look at fewer samples.',
    cause,
  })
}
