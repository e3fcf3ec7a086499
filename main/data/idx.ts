/**
 * IDX files, the format of MNIST: two zero bytes, a type, the number of axes, their lengths as big-endian 32-bit
 * integers, then the values, big-endian. Spec: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
 * Gzipped files are unpacked once, streaming.
 */
import { createReadStream, existsSync, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createGunzip } from 'node:zlib'
import type { Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { ElementType } from '../runtime/tensor'
import { ByteCollector, type ByteStore, FileStore } from './bytes'
import { ArrayField } from './field'
import type { RawArrays } from './raw'

const TYPES: Record<number, { type: ElementType; size: number }> = {
  8: { type: 'uint8', size: 1 },
  9: { type: 'int8', size: 1 },
  11: { type: 'int16', size: 2 },
  12: { type: 'int32', size: 4 },
  13: { type: 'float32', size: 4 },
  14: { type: 'float64', size: 8 },
}

/** Whether the bytes begin like an IDX file. */
export function looksLikeIdx(head: Uint8Array): boolean {
  const axes = head[3] ?? 0
  return head.length >= 8 && head[0] === 0 && head[1] === 0 && TYPES[head[2] ?? 0] !== undefined && axes > 0
}

/**
 * Opens an IDX file as the field `images`, and the labels beside it (MNIST's names: `images-idx3` → `labels-idx1`,
 * or the file called `labels` in the same folder) as `labels`. `labels: null` asks for none.
 * Throws `bad-file` for a wrong magic number or size, `bad-data` when images and labels differ in number.
 */
export async function openIdx(path: string, labels?: string | null): Promise<RawArrays> {
  const stores: ByteStore[] = []
  const close = () => {
    for (const store of stores) store.close()
  }
  try {
    const images = await readIdx(path, 'images', stores)
    // A file chosen by name keeps its name, so that the specification finds it again.
    const labelField = labels ?? 'labels'
    const labelPath = labels === null ? undefined : labelFile(path, labels)
    const fields = [images]
    const files = [{ name: basename(path), path }]
    const notes: Note[] = []
    if (labelPath) {
      fields.push(await readIdx(labelPath, labelField, stores))
      files.push({ name: basename(labelPath), path: labelPath })
      notes.push({
        code: 'labels-beside',
        severity: 'info',
        message: `Labels are read from ${basename(labelPath)}.`,
      })
    }
    if (fields.some(f => f.count !== images.count)) {
      const found = `${images.count} images, ${fields[1]?.count} labels`
      throw new BantamError('bad-data', `Images and labels differ in number: ${found}.`, { where: path })
    }
    const convention = labelPath ? { labelField } : {}
    return { kind: 'arrays', format: 'idx', fields, count: images.count, notes, files, close, ...convention }
  } catch (error) {
    close()
    throw error
  }
}

function labelFile(path: string, named: string | undefined): string | undefined {
  const folder = dirname(path)
  if (named && named !== 'labels') {
    const file = join(folder, basename(named))
    if (existsSync(file)) return file
    throw new BantamError('not-found', `There is no label file ${basename(named)} beside the images.`, {
      where: path,
    })
  }
  const name = basename(path)
  const base = name.replace(/\.gz$/i, '').replace('images', 'labels')
  if (base === name.replace(/\.gz$/i, '')) return undefined
  const candidates = [base.replace(/idx\d/, 'idx1'), base].flatMap(n => [n, `${n}.gz`])
  return candidates.map(n => join(folder, n)).find(file => existsSync(file))
}

async function readIdx(path: string, name: string, stores: ByteStore[]): Promise<ArrayField> {
  const store = path.toLowerCase().endsWith('.gz') ? await gunzip(path) : await openFile(path)
  stores.push(store)
  const head = new Uint8Array(Math.min(store.size, 4 + 4 * 255))
  store.readInto(head, 0)
  if (!looksLikeIdx(head)) {
    throw new BantamError('bad-file', 'This is no IDX file: its magic number is wrong.', { where: path })
  }
  const { type, size } = TYPES[head[2] ?? 0] ?? { type: 'uint8', size: 1 }
  const axes = head[3] ?? 0
  const offset = 4 + 4 * axes
  const view = new DataView(head.buffer)
  if (offset > head.length) throw new BantamError('bad-file', 'The IDX header is cut off.', { where: path })
  const dims = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i))
  const claimed = dims.reduce((product, d) => product * d, size)
  if (claimed !== store.size - offset) {
    const held = store.size - offset
    throw new BantamError(
      'bad-file',
      `The IDX header claims ${claimed} bytes of values, the file has ${held}.`,
      {
        where: path,
        action: 'It may be truncated: copy or download it again.',
      },
    )
  }
  const [count = 0, ...shape] = dims
  return new ArrayField(name, type, shape, count, { store, offset, itemSize: size, bigEndian: true })
}

async function openFile(path: string): Promise<ByteStore> {
  const { size } = await stat(path)
  return new FileStore(openSync(path, 'r'), size, path, 0, true)
}

async function gunzip(path: string): Promise<ByteStore> {
  const collector = new ByteCollector()
  try {
    const stream = createReadStream(path)
    const gunzipped = createGunzip()
    stream.on('error', error => gunzipped.destroy(error))
    for await (const chunk of stream.pipe(gunzipped)) collector.append(chunk)
    return collector.finish()
  } catch (error) {
    collector.discard()
    if (error instanceof Error && 'syscall' in error) throw error
    throw new BantamError('bad-file', 'The gzip file cannot be unpacked.', {
      where: path,
      action: 'It may be truncated: copy or download it again.',
      cause: error,
    })
  }
}
