/** Reading ONNX files. What a file claims about itself is not trusted. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fstatSync, openSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fromBinary } from '@bufbuild/protobuf'
import type { ModelProto } from 'onnx-buf'
import { ModelProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { externalPath, externalPlace, readAt } from './external'
import { Model } from './model'
import { isExternal } from './tensor'
import { eachTensor } from './walk'

/** Reads a model file. External data stays where it is. Throws `not-found`, `bad-file` (no ONNX) or `bad-model`. */
export async function readModel(path: string): Promise<Model> {
  const bytes = readWhole(path)
  try {
    return readModelBytes(bytes, dirname(resolve(path)))
  } catch (error) {
    if (error instanceof BantamError && !error.where) {
      throw new BantamError(error.code, error.message, {
        where: path,
        ...(error.action ? { action: error.action } : {}),
        cause: error,
      })
    }
    throw error
  }
}

function readWhole(path: string): Uint8Array<ArrayBuffer> {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new BantamError('not-found', 'There is no such file.', {
      where: path,
      action: 'Check the path.',
      cause,
    })
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile())
      throw new BantamError('bad-file', 'This is a folder, not an ONNX file.', { where: path })
    return readAt(file, 0, stat.size)
  } finally {
    closeSync(file)
  }
}

/**
 * Reads a model from the bytes of its file; tensors share them. `directory` is where its external data lies.
 * Throws `bad-file` when the bytes are no ONNX model and `bad-model` when the graph is invalid.
 */
export function readModelBytes(bytes: Uint8Array, directory: string | null): Model {
  let proto: ModelProto
  try {
    proto = fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    throw new BantamError('bad-file', 'The file is not an ONNX model, or it is damaged.', { cause })
  }
  if (!proto.graph) throw new BantamError('bad-file', 'The file is not an ONNX model: it holds no graph.')
  return new Model(proto, directory)
}

/** The model file and the files its tensors lie in, each once. Throws as `externalPath`. */
export async function modelFiles(path: string): Promise<string[]> {
  const model = await readModel(path)
  return [path, ...externalFiles(model)]
}

/** Real paths of the external data files, in the order the tensors name them. */
export function externalFiles(model: Model): string[] {
  const locations = new Set<string>()
  eachTensor(model.proto, tensor => {
    if (isExternal(tensor)) locations.add(externalPlace(tensor).location)
  })
  return [...new Set([...locations].map(location => externalPath(location, model.directory)))]
}

/** SHA-256 (hex) over the model file's bytes, then those of its external files; streamed. */
export async function modelHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  const [own, ...others] = await modelFiles(path)
  const seen = new Set<string>()
  for (const file of [own ?? path, ...others]) {
    const real = await realpath(file)
    if (seen.has(real)) continue
    seen.add(real)
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer)
  }
  return hash.digest('hex')
}
