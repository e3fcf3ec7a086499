/** Tensors as plain data: what goes into and comes out of a session. */
export type ElementType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string'

export type TensorData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[]

/** float16 is held as Uint16Array bit patterns, bool as Uint8Array. */
export interface Tensor {
  type: ElementType
  dims: number[]
  data: TensorData
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, d) => product * d, 1)
}

/** One after the other. */
export function joined(parts: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Any numeric tensor's values as float64-safe numbers (float16 decoded; int64 rounded). Strings throw. */
export function toNumbers(tensor: Tensor): Float32Array | Float64Array {
  const { data, type } = tensor
  if (Array.isArray(data)) throw new TypeError('A string tensor has no numbers')
  if (type === 'float16') return Float32Array.from(data as Uint16Array, halfToFloat)
  if (data instanceof Float32Array || data instanceof Float64Array) return data
  return Float64Array.from(data as ArrayLike<number | bigint>, Number)
}

const scratch = new DataView(new ArrayBuffer(4))

/** IEEE 754 binary16 bits → number. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Number → IEEE 754 binary16 bits, round to nearest even; overflows to infinity. */
export function floatToHalf(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 255
  let fraction = bits & 0x7fffff
  if (exponent === 255) return sign | 0x7c00 | (fraction ? 0x200 : 0)
  const e = exponent - 112
  if (e >= 31) return sign | 0x7c00
  if (e <= 0) {
    if (e < -10) return sign
    fraction |= 0x800000
    return sign | roundShift(fraction, 14 - e)
  }
  // A carry out of the fraction moves into the exponent, as it should.
  return sign | ((e << 10) + roundShift(fraction, 13))
}

function roundShift(value: number, shift: number): number {
  const result = value >>> shift
  const rest = value & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return rest > half || (rest === half && (result & 1) === 1) ? result + 1 : result
}
