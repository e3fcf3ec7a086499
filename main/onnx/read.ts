/** Reading ONNX files. What a file claims about itself is not trusted. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, lstatSync, openSync, statSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { externalPath, externalPlace, readAt } from './external'
import { Model } from './model'
import { readWithoutWeights } from './paged'
import { refuseForeign } from './sniff'
import { isExternal } from './tensor'
import { eachTensor } from './walk'
import { checkWire } from './wire'

/** Above this a file's weights stay in the file and are read when asked for. */
const PAGED_ABOVE = 256 << 20

/**
 * Reads a model file. External data stays where it is, and so do the weights of a file above 256 MB (`pagedAbove`).
 * Throws `not-found`, `bad-file` (not an ONNX file), `unsupported` (.ort) or `bad-model`, with the file in `where`.
 */
export async function readModel(path: string, { pagedAbove = PAGED_ABOVE } = {}): Promise<Model> {
  return withPlace(path, () => {
    const { file, size } = openFile(path)
    try {
      refuseForeign(readAt(file, 0, Math.min(64, size)))
      // Through a link the file would seem to lie outside the folder it is opened in.
      const paged = size > pagedAbove && !lstatSync(path).isSymbolicLink()
      const bytes = paged ? readWithoutWeights(file, size, basename(path)) : readAt(file, 0, size)
      return readModelBytes(bytes, dirname(resolve(path)))
    } finally {
      closeSync(file)
    }
  })
}

/** Adds the file to errors that do not say where they arose. */
function withPlace<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof BantamError) || error.where) throw error
    const { code, message, action } = error
    throw new BantamError(code, message, { where: path, ...(action ? { action } : {}), cause: error.cause })
  }
}

function openFile(path: string): { file: number; size: number } {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat)
    throw new BantamError('not-found', 'There is no such file.', { where: path, action: 'Check the path.' })
  if (!stat.isFile()) {
    throw new BantamError('bad-file', 'This is a folder, not an ONNX file.', {
      where: path,
      action: 'Choose an .onnx file.',
    })
  }
  return { file: openSync(path, 'r'), size: stat.size }
}

/**
 * Reads a model from the bytes of its file; tensors share them. `directory` is where its external data lies.
 * Throws `bad-file` when the bytes are no ONNX model and `bad-model` when the graph is invalid.
 */
export function readModelBytes(bytes: Uint8Array, directory: string | null): Model {
  refuseForeign(bytes)
  checkWire(bytes)
  const proto = fromBinary(ModelProtoSchema, bytes)
  if (!proto.graph || proto.irVersion === 0n) {
    const missing = proto.graph ? 'IR version' : 'graph'
    throw new BantamError('bad-file', `The file is not an ONNX model: it has no ${missing}.`)
  }
  return new Model(proto, directory)
}

/** The model file and the files its tensors lie in, each once. Throws as `readModel` and `externalPath`. */
export async function modelFiles(path: string): Promise<string[]> {
  return filesOf(path, await readModel(path))
}

/** As `modelFiles`, of a model that was read from `path` already. */
export async function filesOf(path: string, model: Model): Promise<string[]> {
  const own = await realpathOf(path)
  return [path, ...externalFiles(model).filter(file => file !== own)]
}

async function realpathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

/** Real paths of the external data files (the model file itself when it is paged), in the order tensors name them. */
export function externalFiles(model: Model): string[] {
  const locations = new Set<string>()
  eachTensor(model.proto, tensor => {
    if (isExternal(tensor)) locations.add(externalPlace(tensor).location)
  })
  return [...new Set([...locations].map(location => externalPath(location, model.directory)))]
}

/** SHA-256 (hex) over the model file's bytes, then those of its external files; streamed. Throws as `modelFiles`. */
export async function modelHash(path: string): Promise<string> {
  return hashFiles(await modelFiles(path))
}

/** SHA-256 (hex) over the bytes of the files in order, streamed. */
export async function hashFiles(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  }
  return hash.digest('hex')
}
