/**
 * External data: tensor payloads in files beside the model. A model names those files itself, so what it says is
 * not trusted: the file must lie inside the model's folder, links followed, and must hold the bytes asked for.
 * Spec: https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
 */
import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { join, posix, sep, win32 } from 'node:path'
import type { TensorProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'

/** Where a payload lies. `length` is null when the model does not say (then it ends with the file). */
export interface ExternalPlace {
  location: string
  offset: number
  length: number | null
}

/** Reads a tensor's external_data entries. Throws `bad-model` when they are missing or no numbers. */
export function externalPlace(tensor: TensorProto): ExternalPlace {
  const entry = (key: string) => tensor.externalData.find(e => e.key === key)?.value
  const location = entry('location')
  if (!location)
    throw new BantamError('bad-model', `Tensor ${tensor.name} does not say which file holds its data.`)
  const number = (key: string): number | null => {
    const text = entry(key)
    if (text === undefined) return null
    const value = Number(text)
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw new BantamError('bad-model', `Tensor ${tensor.name} has ${key} "${text}" in its external data.`)
    }
    return value
  }
  return { location, offset: number('offset') ?? 0, length: number('length') }
}

/**
 * The real path of a file a model refers to. Throws `bad-model` when it lies outside the model's folder (absolute,
 * through `..`, or through a link) and when it is missing.
 */
export function externalPath(location: string, directory: string | null): string {
  if (directory === null) {
    throw new BantamError('bad-model', `The model keeps data in ${location}, but came without a folder.`, {
      action: 'Open the model from its folder, with its data file beside it.',
    })
  }
  const action = 'External data must lie in the folder of the model.'
  const absolute = posix.isAbsolute(location) || win32.isAbsolute(location) || /^[A-Za-z]:/.test(location)
  if (absolute || location.split(/[\\/]/).includes('..') || location.includes('\0')) {
    throw new BantamError('bad-model', `The model refers to data outside its folder: ${location}.`, {
      action,
    })
  }
  const root = realpathSync(directory)
  let path: string
  try {
    path = realpathSync(join(root, location))
  } catch (cause) {
    throw new BantamError('bad-model', `The data file ${location} of the model is missing.`, {
      where: directory,
      action: 'Put it beside the model; in a browser, choose or drop both files together.',
      cause,
    })
  }
  const inside = path.startsWith(root.endsWith(sep) ? root : root + sep)
  if (!inside) {
    throw new BantamError(
      'bad-model',
      `The data file ${location} is a link that leads outside the model's folder.`,
      {
        action,
      },
    )
  }
  return path
}

/**
 * Reads a tensor's payload of `expected` bytes. Throws what `externalPath` throws, and `bad-model` when the length
 * does not fit the tensor or the file is too short.
 */
export function readExternal(tensor: TensorProto, directory: string | null, expected: number): Uint8Array {
  const place = externalPlace(tensor)
  const file = openExternal(tensor, directory, expected)
  try {
    return readAt(file, place.offset, expected)
  } finally {
    closeSync(file)
  }
}

/** Checks a tensor's external data without reading it. Throws as `readExternal`. */
export function checkExternal(tensor: TensorProto, directory: string | null, expected: number): void {
  closeSync(openExternal(tensor, directory, expected))
}

/** Opens the file that holds the tensor, once everything about it is in order. The caller closes it. */
function openExternal(tensor: TensorProto, directory: string | null, expected: number): number {
  const { location, offset, length } = externalPlace(tensor)
  if (length !== null && length !== expected) {
    throw new BantamError(
      'bad-model',
      `Tensor ${tensor.name} has ${length} bytes of external data, but its shape and type need ${expected}.`,
      { where: tensor.name },
    )
  }
  const path = externalPath(location, directory)
  // Asked before opening: a pipe would wait for ever.
  const stat = statSync(path)
  if (!stat.isFile() || stat.size < offset + expected) {
    const message = stat.isFile()
      ? `The data file ${location} is too short: tensor ${tensor.name} needs bytes ${offset} to ${offset + expected}, the file has ${stat.size}.`
      : `The data file ${location} of the model is no file.`
    throw new BantamError('bad-model', message, {
      where: directory ?? '',
      action: 'Copy the data file again.',
    })
  }
  return openSync(path, 'r')
}

/** One read call takes at most 2 GiB less one byte; smaller pieces cost nothing. */
const PIECE = 1 << 28

/** Reads `length` bytes at `offset`. Throws `bad-file` when the file ends before. */
export function readAt(file: number, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length; ) {
    const read = readSync(file, bytes, done, Math.min(PIECE, length - done), offset + done)
    if (read === 0) throw new BantamError('bad-file', 'The file became shorter while it was read.')
    done += read
  }
  return bytes
}
