/** Reading samples into one input's tensor: raw values, preprocessing, the model's type. */
import { BantamError } from '../../shared/errors'
import { zeros } from '../language/feeds'
import { cacheShape } from '../language/recognise'
import type { ElementType, Tensor, TensorData } from '../runtime/tensor'
import { isIdentity, preprocessArray } from './array'
import { typedView } from './field'
import { preprocessImage } from './image'
import { pictureLayout, toPixels } from './picture'
import type { Pixels } from './pixels'
import type { RawData } from './raw'
import type { Feed } from './resolve'
import { isFloatType, numbersOf, toType } from './values'

/**
 * The rows' values as a tensor [rows, …shape]. Throws `bad-data` naming sample and field for values that are not finite
 * or that the type cannot hold; `offset` is the row of sample 0.
 */
export async function readFeed(raw: RawData, feed: Feed, rows: Uint32Array, offset: number): Promise<Tensor> {
  const { binding, shape } = feed
  // resolve.ts has refused inputs of other types.
  const type = binding.input.type as ElementType
  if (binding.kind === 'text') return binding.reader.tensor(binding.role, rows, type, offset)
  if (binding.kind === 'empty') return zeros(type, cacheShape(binding.cache, rows.length, 0))
  if (binding.kind === 'array' && binding.field.constant) {
    const values = numbersOf(binding.field.read([0]), binding.field.type)
    const dims = binding.input.shape.length === 0 ? [] : [1]
    return { type, dims, data: toType(values, type, () => `The value ${binding.field.name}`) }
  }
  const dims = [rows.length, ...shape]
  const length = shape.reduce((product, d) => product * d, 1)
  const name = binding.kind === 'pictures' ? 'the picture' : fieldName(feed)
  const describe = (i: number) =>
    `Sample ${(rows[Math.floor(i / length)] ?? 0) - offset}: value ${i % length} of ${name}`
  if (feed.preprocessing.kind === 'image') {
    return { type, dims, data: await readPictures(raw, feed, rows, length, type, describe) }
  }
  const source = readRaw(raw, feed, rows)
  if (isFloatType(source.type)) refuseNonFinite(source, describe)
  const same = isIdentity(feed.preprocessing) && source.type === type
  if (same) return { type, dims, data: source.data }
  const numbers = numbersOf(source.data, source.type)
  const values = isIdentity(feed.preprocessing) ? numbers : preprocessArray(numbers, feed.preprocessing)
  return { type, dims, data: toType(values, type, describe) }
}

/** Decodes and preprocesses pictures side by side into one array. */
async function readPictures(
  raw: RawData,
  feed: Feed,
  rows: Uint32Array,
  length: number,
  type: ElementType,
  describe: (position: number) => string,
): Promise<TensorData> {
  const { preprocessing } = feed
  if (preprocessing.kind !== 'image') throw new TypeError('Pictures need picture preprocessing')
  const out = typedView(new Uint8Array(rows.length * length * itemSize(type)), type) as Float32Array
  const pictures = Array.from(rows, async (row, i) => {
    const values = preprocessImage(await pixelsOf(raw, feed, row), preprocessing)
    // Source and target are arrays of the same type.
    out.set(toType(values, type, k => describe(i * length + k)) as Float32Array, i * length)
  })
  // Waits for all, so that a failure leaves no decoder at work.
  const failed = (await Promise.allSettled(pictures)).find(p => p.status === 'rejected')
  if (failed) throw failed.reason
  return out
}

function itemSize(type: ElementType): number {
  const bits = /\d+$/.exec(type)
  return bits ? Number(bits[0]) / 8 : 1
}

function fieldName({ binding }: Feed): string {
  if (binding.kind === 'array') return binding.field.name
  if (binding.kind === 'columns' && binding.columns.length === 1) return binding.columns[0]?.name ?? ''
  return binding.input.name
}

function readRaw(
  raw: RawData,
  { binding }: Feed,
  rows: Uint32Array,
): { data: TensorData; type: ElementType } {
  if (binding.kind === 'array') return { data: binding.field.read(rows), type: binding.field.type }
  if (binding.kind === 'columns' && raw.kind === 'table') {
    return { data: raw.table.read(binding.columns, rows), type: 'float64' }
  }
  throw new TypeError('Pictures are read as pixels')
}

async function pixelsOf(raw: RawData, { binding }: Feed, row: number): Promise<Pixels> {
  if (raw.kind === 'pictures') return raw.pictures.pixels(row)
  const field = binding.kind === 'array' ? binding.field : undefined
  const layout = field && pictureLayout(field.shape)
  const data = field?.read([row])
  if (!layout || !(data instanceof Uint8Array))
    throw new TypeError('Only bytes in the shape of a picture have pixels')
  return toPixels(data, layout)
}

function refuseNonFinite(
  source: { data: TensorData; type: ElementType },
  describe: (i: number) => string,
): void {
  const at = firstNonFinite(source.data, source.type)
  if (at < 0) return
  const value = numbersOf(source.data, source.type)[at] ?? Number.NaN
  const what = Number.isNaN(value) ? 'NaN (or missing)' : value > 0 ? 'infinity' : 'minus infinity'
  throw new BantamError('bad-data', `${describe(at)} is ${what}.`, {
    action: 'Fill in or take out such samples.',
  })
}

function firstNonFinite(data: TensorData, type: ElementType): number {
  // Half precision: all exponent bits set.
  if (type === 'float16') return (data as Uint16Array).findIndex(bits => (bits & 0x7c00) === 0x7c00)
  const values = data as Float32Array | Float64Array
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}
