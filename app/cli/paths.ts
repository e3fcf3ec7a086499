/** Paths given on the command line, checked before any work begins. */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { BantamError } from '../../shared/errors'

/** An existing file. Throws `not-found` or `bad-file`. */
export function inputFile(path: string, what = 'model'): string {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats)
    throw new BantamError('not-found', `There is no such ${what} file.`, {
      where: path,
      action: 'Check the path.',
    })
  if (stats.isDirectory()) {
    throw new BantamError('bad-file', `This is a folder, not a ${what} file.`, {
      where: path,
      action: 'Give the file inside it.',
    })
  }
  return path
}

/** An existing folder. Throws `not-found` or `bad-file`. */
export function inputFolder(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats)
    throw new BantamError('not-found', 'There is no such folder.', { where: path, action: 'Check the path.' })
  if (!stats.isDirectory()) {
    throw new BantamError('bad-file', 'This is a file, not a folder.', {
      where: path,
      action: 'Give the folder it lies in.',
    })
  }
  return path
}

/** A file to be written: its folder exists, it is no folder, and none of `inputs`. Throws `not-found` or `bad-option`. */
export function outputFile(path: string, inputs: readonly string[] = []): string {
  const folder = dirname(resolve(path))
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new BantamError('not-found', 'The folder to write to does not exist.', {
      where: folder,
      action: 'Make it first, or choose another --out.',
    })
  }
  writableFolder(folder)
  const existing = statSync(path, { throwIfNoEntry: false })
  if (existing?.isDirectory()) {
    throw new BantamError('bad-option', '--out is a folder.', {
      where: path,
      action: 'Name a file inside it.',
    })
  }
  if (existing && !existing.isFile()) {
    throw new BantamError('bad-option', '--out is a device or a pipe, not a file.', {
      where: path,
      action: 'Name a file; it is put in place whole, by renaming.',
    })
  }
  if (existing && inputs.some(input => realpathSync(input) === realpathSync(path))) {
    throw new BantamError('bad-option', '--out is the same file as the input.', {
      where: path,
      action: 'Choose another --out; Bantam never overwrites a model it reads.',
    })
  }
  return path
}

/** Throws `bad-option` when nothing can be written in a folder that exists. */
function writableFolder(folder: string): void {
  try {
    accessSync(folder, constants.W_OK)
  } catch (cause) {
    const readOnly = cause instanceof Error && 'code' in cause && cause.code === 'EROFS'
    throw new BantamError(
      'bad-option',
      readOnly
        ? 'The folder to write to lies on a read-only disk.'
        : 'The folder to write to may not be written.',
      { where: folder, action: 'Choose another --out, or change its permissions.', cause },
    )
  }
}

/** A folder to be written, which need not exist yet: the nearest folder above it may be written. Throws `bad-option`. */
export function outputFolder(path: string): string {
  let folder = resolve(path)
  while (!existsSync(folder)) folder = dirname(folder)
  if (!statSync(folder).isDirectory()) {
    throw new BantamError('bad-option', '--out is a file, or lies inside one.', {
      where: folder,
      action: 'Name a folder.',
    })
  }
  writableFolder(folder)
  return path
}

/** Writes a text file whole or not at all. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(resolve(path)), `.${basename(path)}.${process.pid}.tmp`)
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
