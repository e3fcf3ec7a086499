/** Paths given on the command line, checked before any work begins. */
import { realpathSync, statSync } from 'node:fs'
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
  const existing = statSync(path, { throwIfNoEntry: false })
  if (existing?.isDirectory()) {
    throw new BantamError('bad-option', '--out is a folder.', {
      where: path,
      action: 'Name a file inside it.',
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
