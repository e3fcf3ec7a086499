/** Models in the store: the ONNX file and its external data, side by side in a folder named by the model's hash. */
import { constants, existsSync } from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { BantamError } from '../../shared/errors'
import { modelFiles, modelHash } from '../onnx/read'
import { diskError, type FileStore, flush, flushFolder } from './store'

/**
 * Copies a model into the store under its hash, computed on the copy.
 * Throws `bad-model` when external data lies outside the model's folder or when the copy differs from `expected`,
 * and `no-space` when the disk is full; nothing is left behind then.
 */
export async function putModel(store: FileStore, path: string, expected?: string): Promise<string> {
  const draft = await store.tempFolder('model')
  try {
    for (const file of await modelFiles(path)) {
      const place = relative(dirname(path), file)
      if (isAbsolute(place) || place.split(sep)[0] === '..') {
        throw new BantamError('bad-model', 'External data lies outside the folder of the model.', {
          where: file,
        })
      }
      const target = join(draft, file === path ? 'model.onnx' : place)
      await mkdir(dirname(target), { recursive: true })
      await copyFile(file, target, constants.COPYFILE_FICLONE)
      await flush(target)
    }
    const hash = await modelHash(join(draft, 'model.onnx'))
    if (expected && hash !== expected) {
      throw new BantamError('bad-model', 'The file changed while it was being copied.', {
        where: path,
        action: 'Try again.',
      })
    }
    await place(store, draft, hash)
    return hash
  } catch (error) {
    throw diskError(error, store.folder)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function place(store: FileStore, draft: string, hash: string): Promise<void> {
  const folder = store.modelFolder(hash)
  if (existsSync(folder)) return
  await mkdir(dirname(folder), { recursive: true })
  try {
    await rename(draft, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error // otherwise another process placed the same content first
  }
  await flushFolder(dirname(folder))
}
