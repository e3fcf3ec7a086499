/**
 * The .npy format, versions 1.0 to 3.0.
 * Spec: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
import { BantamError } from '../../shared/errors'
import type { ElementType } from '../runtime/tensor'

export interface NpyHeader {
  type: ElementType
  /** Bytes of one value. */
  itemSize: number
  bigEndian: boolean
  text?: 'ucs4' | 'bytes'
  fortran: boolean
  shape: number[]
  /** Bytes before the first value. */
  dataOffset: number
  /** Bytes of all values. */
  dataSize: number
}

/** A header is never longer than this here: numpy itself refuses more than 10,000 bytes of header text by default. */
export const NPY_HEADER_LIMIT = 70_000

const NUMBERS: Record<string, ElementType> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
}

/**
 * Reads the header from the first bytes of an array (at least NPY_HEADER_LIMIT of them, or all there are).
 * Throws `bad-file` for what is no .npy header, `unsupported` for pickled objects, records and complex numbers.
 */
export function parseNpyHeader(bytes: Uint8Array, where: string): NpyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 10 || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== '\x93NUMPY') {
    throw broken('This is no .npy array: it does not begin with \\x93NUMPY.', where)
  }
  const version = bytes[6] ?? 0
  if (version < 1 || version > 3) throw broken(`Version ${version} of the .npy format is unknown.`, where)
  const start = version === 1 ? 10 : 12
  if (bytes.length < start) throw broken('The header of the array is cut off.', where)
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (start + length > Math.min(bytes.length, NPY_HEADER_LIMIT)) {
    throw broken('The header of the array is cut off or too long.', where)
  }
  const text = Buffer.from(bytes.subarray(start, start + length)).toString(version === 3 ? 'utf8' : 'latin1')
  return { ...parseDictionary(text, where), dataOffset: start + length }
}

function parseDictionary(text: string, where: string): Omit<NpyHeader, 'dataOffset'> {
  const descr = /['"]descr['"]\s*:\s*(?:'([^']*)'|"([^"]*)"|\[)/.exec(text)
  const fortran = /['"]fortran_order['"]\s*:\s*(True|False)/.exec(text)
  const shapeText = /['"]shape['"]\s*:\s*\(([^)]*)\)/.exec(text)
  if (!descr || !fortran || !shapeText) throw broken('The header of the array is not understood.', where)
  const parts = (shapeText[1] ?? '').split(',').map(part => part.trim())
  if (parts.at(-1) === '') parts.pop()
  const shape = parts.map(part => (/^\d+L?$/.test(part) ? Number.parseInt(part, 10) : Number.NaN))
  const format = valueFormat(descr[1] ?? descr[2] ?? '[', where)
  const dataSize = shape.reduce((product, d) => product * d, format.itemSize)
  if (!Number.isSafeInteger(dataSize)) throw broken(`The shape (${shapeText[1]}) is not valid.`, where)
  return { ...format, fortran: fortran[1] === 'True', shape, dataSize }
}

function valueFormat(
  descr: string,
  where: string,
): Pick<NpyHeader, 'type' | 'itemSize' | 'bigEndian' | 'text'> {
  const match = /^([<>|=])?([a-zA-Z])(\d*)$/.exec(descr)
  const kind = match?.[2] ?? ''
  const size = Number(match?.[3] || 0)
  const bigEndian = match?.[1] === '>'
  const number = NUMBERS[`${kind}${size}`]
  if (number) return { type: number, itemSize: size, bigEndian }
  if (kind === 'U' && size > 0 && size <= 65_536)
    return { type: 'string', itemSize: size * 4, bigEndian, text: 'ucs4' }
  if ((kind === 'S' || kind === 'a') && size > 0 && size <= 262_144) {
    return { type: 'string', itemSize: size, bigEndian: false, text: 'bytes' }
  }
  const what =
    kind === 'O'
      ? 'pickled Python objects, which are not read for safety'
      : descr === '['
        ? 'records with several fields'
        : `values of type ${descr}`
  throw new BantamError('unsupported', `The array holds ${what}.`, {
    where,
    action: 'Save it as numbers, for example with array.astype(numpy.float32).',
  })
}

function broken(message: string, where: string): BantamError {
  return new BantamError('bad-file', message, { where })
}
