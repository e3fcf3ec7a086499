/** Arrays whose first axis counts samples, read by row from bytes of a fixed layout. */
import type { ElementType, TensorData } from '../runtime/tensor'
import type { ByteStore } from './bytes'

export interface Layout {
  store: ByteStore
  /** Bytes before the first value. */
  offset: number
  /** Bytes of one value. */
  itemSize: number
  bigEndian: boolean
  /** Text of fixed width: UCS-4 code points (numpy U) or bytes (numpy S). */
  text?: 'ucs4' | 'bytes'
}

export class ArrayField {
  /** Values in one sample. */
  readonly length: number

  /**
   * @param shape of one sample
   * @param count samples
   * @param constant the array has no sample axis: one value serves every sample (`shape` is [])
   */
  constructor(
    readonly name: string,
    readonly type: ElementType,
    readonly shape: readonly number[],
    readonly count: number,
    private readonly layout: Layout,
    readonly constant = false,
  ) {
    this.length = shape.reduce((product, d) => product * d, 1)
  }

  /** The given samples' values one after the other. Neighbouring rows are read at once. */
  read(rows: ArrayLike<number>): TensorData {
    const size = this.length * this.layout.itemSize
    const bytes = new Uint8Array(rows.length * size)
    for (let i = 0; i < rows.length; ) {
      const first = rows[i] ?? 0
      let run = 1
      while (i + run < rows.length && rows[i + run] === first + run) run++
      this.layout.store.readInto(
        bytes.subarray(i * size, (i + run) * size),
        this.layout.offset + (this.constant ? 0 : first * size),
      )
      i += run
    }
    if (this.layout.bigEndian) swapBytes(bytes, this.layout.text === 'ucs4' ? 4 : this.layout.itemSize)
    return this.layout.text
      ? decodeText(bytes, this.layout.itemSize, this.layout.text)
      : typedView(bytes, this.type)
  }
}

function swapBytes(bytes: Uint8Array, itemSize: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (itemSize === 2) buffer.swap16()
  if (itemSize === 4) buffer.swap32()
  if (itemSize === 8) buffer.swap64()
}

/** The bytes as values of a type. The bytes begin at a multiple of 8. */
export function typedView(bytes: Uint8Array, type: ElementType): TensorData {
  const { buffer, byteOffset, length } = bytes
  switch (type) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, length / 4)
    case 'float64':
      return new Float64Array(buffer, byteOffset, length / 8)
    case 'float16':
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, length / 2)
    case 'int8':
      return new Int8Array(buffer, byteOffset, length)
    case 'int16':
      return new Int16Array(buffer, byteOffset, length / 2)
    case 'int32':
      return new Int32Array(buffer, byteOffset, length / 4)
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length / 4)
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length / 8)
    case 'uint64':
      return new BigUint64Array(buffer, byteOffset, length / 8)
    case 'uint8':
    case 'bool':
      return bytes
    case 'string':
      throw new TypeError('Text has no typed view')
  }
}

function decodeText(bytes: Uint8Array, width: number, kind: 'ucs4' | 'bytes'): string[] {
  const texts: string[] = []
  for (let at = 0; at < bytes.length; at += width) {
    const item = bytes.subarray(at, at + width)
    if (kind === 'bytes') {
      const end = item.indexOf(0)
      texts.push(Buffer.from(end < 0 ? item : item.subarray(0, end)).toString('utf8'))
    } else {
      const points = new Uint32Array(item.slice().buffer)
      const end = points.indexOf(0)
      texts.push(String.fromCodePoint(...validPoints(end < 0 ? points : points.subarray(0, end))))
    }
  }
  return texts
}

function validPoints(points: Uint32Array): number[] {
  return Array.from(points, p => (p <= 0x10ffff ? p : 0xfffd))
}
