/**
 * Tensors as they lie in an ONNX file: element types, payload bytes whichever field holds them, and making new ones.
 * Spec: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (TensorProto). Payloads are little-endian; 4-bit and
 * 2-bit types are packed, the first element in the low bits of a byte.
 */
import { create } from '@bufbuild/protobuf'
import type { TensorProto } from 'onnx-buf'
import { TensorProto_DataLocation, TensorProto_DataType, TensorProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import type { ElementType, Tensor, TensorData } from '../runtime/tensor'
import { floatToHalf } from '../runtime/tensor'
import { readExternal } from './external'

/** Bits per element of every type with a fixed width; strings have none. */
const TYPES: Record<string, { code: number; bits: number }> = {
  float32: { code: TensorProto_DataType.FLOAT, bits: 32 },
  uint8: { code: TensorProto_DataType.UINT8, bits: 8 },
  int8: { code: TensorProto_DataType.INT8, bits: 8 },
  uint16: { code: TensorProto_DataType.UINT16, bits: 16 },
  int16: { code: TensorProto_DataType.INT16, bits: 16 },
  int32: { code: TensorProto_DataType.INT32, bits: 32 },
  int64: { code: TensorProto_DataType.INT64, bits: 64 },
  string: { code: TensorProto_DataType.STRING, bits: 0 },
  bool: { code: TensorProto_DataType.BOOL, bits: 8 },
  float16: { code: TensorProto_DataType.FLOAT16, bits: 16 },
  float64: { code: TensorProto_DataType.DOUBLE, bits: 64 },
  uint32: { code: TensorProto_DataType.UINT32, bits: 32 },
  uint64: { code: TensorProto_DataType.UINT64, bits: 64 },
  complex64: { code: TensorProto_DataType.COMPLEX64, bits: 64 },
  complex128: { code: TensorProto_DataType.COMPLEX128, bits: 128 },
  bfloat16: { code: TensorProto_DataType.BFLOAT16, bits: 16 },
  float8e4m3fn: { code: TensorProto_DataType.FLOAT8E4M3FN, bits: 8 },
  float8e4m3fnuz: { code: TensorProto_DataType.FLOAT8E4M3FNUZ, bits: 8 },
  float8e5m2: { code: TensorProto_DataType.FLOAT8E5M2, bits: 8 },
  float8e5m2fnuz: { code: TensorProto_DataType.FLOAT8E5M2FNUZ, bits: 8 },
  uint4: { code: TensorProto_DataType.UINT4, bits: 4 },
  int4: { code: TensorProto_DataType.INT4, bits: 4 },
  float4e2m1: { code: TensorProto_DataType.FLOAT4E2M1, bits: 4 },
  float8e8m0: { code: TensorProto_DataType.FLOAT8E8M0, bits: 8 },
  uint2: { code: TensorProto_DataType.UINT2, bits: 2 },
  int2: { code: TensorProto_DataType.INT2, bits: 2 },
}
const NAMES = new Map(Object.entries(TYPES).map(([name, { code }]) => [code, name]))

/** Name of an ONNX element type code as ORT writes it (float32, int64, …); `unknown(N)` for codes the format has not. */
export function dataTypeName(code: number): string {
  return NAMES.get(code) ?? (code === 0 ? 'undefined' : `unknown(${code})`)
}

/** ONNX code of an element type name. Throws `unsupported` for a name the format has not. */
export function dataTypeOf(name: string): number {
  const type = TYPES[name]
  if (!type) throw new BantamError('unsupported', `There is no element type ${name}.`)
  return type.code
}

/** Bits of one element of the type; null for strings and unknown types. */
export function elementBits(code: number): number | null {
  return TYPES[dataTypeName(code)]?.bits || null
}

/** The tensor's dimensions as numbers. Throws `bad-model` when one is negative or the tensor is absurdly large. */
export function tensorDims(tensor: TensorProto): number[] {
  const dims = tensor.dims.map(Number)
  const bad = dims.some(d => !Number.isSafeInteger(d) || d < 0) || !Number.isSafeInteger(countOf(dims))
  if (bad)
    throw new BantamError(
      'bad-model',
      `Tensor ${tensor.name} has impossible dimensions [${dims.join(', ')}].`,
    )
  return dims
}

function countOf(dims: readonly number[]): number {
  return dims.reduce((product, d) => product * d, 1)
}

/** Number of elements. */
export function tensorCount(tensor: TensorProto): number {
  return countOf(tensorDims(tensor))
}

/**
 * Bytes of the tensor's payload as its type and dimensions demand (0 for strings).
 * Throws `bad-model` for an element type the format has not.
 */
export function tensorByteLength(tensor: TensorProto): number {
  if (tensor.dataType === TensorProto_DataType.STRING) return 0
  const bits = elementBits(tensor.dataType)
  if (bits === null) {
    throw new BantamError(
      'bad-model',
      `Tensor ${tensor.name} has element type ${dataTypeName(tensor.dataType)}.`,
    )
  }
  return Math.ceil((tensorCount(tensor) * bits) / 8)
}

/** True when the payload lies in a file of its own. */
export function isExternal(tensor: TensorProto): boolean {
  return tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
}

/**
 * The payload, little-endian, whichever field holds it; a view into the message where possible, so not to be written
 * to. External payloads are read from `directory` on every call and not kept. Throws `bad-model` when the bytes do not
 * fit the dimensions, and what `readExternal` throws; `unsupported` for strings.
 */
export function tensorBytes(tensor: TensorProto, directory: string | null): Uint8Array {
  if (tensor.dataType === TensorProto_DataType.STRING) {
    throw new BantamError('unsupported', `Tensor ${tensor.name} holds strings, which have no payload bytes.`)
  }
  const expected = tensorByteLength(tensor)
  if (isExternal(tensor)) return readExternal(tensor, directory, expected)
  const bytes = tensor.rawData.byteLength > 0 ? tensor.rawData : typedFieldBytes(tensor)
  if (bytes.byteLength !== expected) {
    throw new BantamError(
      'bad-model',
      `Tensor ${tensor.name} has ${bytes.byteLength} bytes of data, but [${tensor.dims.join(', ')}] of ${dataTypeName(tensor.dataType)} needs ${expected}.`,
      { where: tensor.name },
    )
  }
  return bytes
}

/** Bytes a tensor holds in the message, without building them: raw data, or elements of the typed field. */
export function storedByteLength(tensor: TensorProto): number {
  if (tensor.rawData.byteLength > 0) return tensor.rawData.byteLength
  const bits = elementBits(tensor.dataType) ?? 0
  const packed = bits < 8 ? 8 : bits
  switch (tensor.dataType) {
    case TensorProto_DataType.FLOAT:
      return tensor.floatData.length * 4
    case TensorProto_DataType.COMPLEX64:
      return tensor.floatData.length * 4
    case TensorProto_DataType.DOUBLE:
    case TensorProto_DataType.COMPLEX128:
      return tensor.doubleData.length * 8
    case TensorProto_DataType.INT64:
      return tensor.int64Data.length * 8
    case TensorProto_DataType.UINT32:
    case TensorProto_DataType.UINT64:
      return (tensor.uint64Data.length * packed) / 8
    default:
      return (tensor.int32Data.length * packed) / 8
  }
}

function typedFieldBytes(tensor: TensorProto): Uint8Array {
  switch (tensor.dataType) {
    case TensorProto_DataType.FLOAT:
    case TensorProto_DataType.COMPLEX64:
      return bytesOf(Float32Array.from(tensor.floatData))
    case TensorProto_DataType.DOUBLE:
    case TensorProto_DataType.COMPLEX128:
      return bytesOf(Float64Array.from(tensor.doubleData))
    case TensorProto_DataType.INT64:
      return bytesOf(BigInt64Array.from(tensor.int64Data))
    case TensorProto_DataType.UINT64:
      return bytesOf(BigUint64Array.from(tensor.uint64Data))
    case TensorProto_DataType.UINT32:
      return bytesOf(Uint32Array.from(tensor.uint64Data, Number))
    case TensorProto_DataType.INT32:
      return bytesOf(Int32Array.from(tensor.int32Data))
    default:
      // Narrow types keep one element (or one packed byte) in the low bits of each int32.
      return (elementBits(tensor.dataType) ?? 8) === 16
        ? bytesOf(Uint16Array.from(tensor.int32Data))
        : Uint8Array.from(tensor.int32Data)
  }
}

/** The bytes under any typed array, without a copy. */
export function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
}

/**
 * The tensor as runtime data. bfloat16 comes as float32 (exact), int4 as int8 and uint4 as uint8, one element each.
 * Throws as `tensorBytes`, and `unsupported` for float8, complex and 2-bit types.
 */
export function tensorValues(tensor: TensorProto, directory: string | null): Tensor {
  const type = dataTypeName(tensor.dataType)
  const dims = tensorDims(tensor)
  if (type === 'string') {
    return { type, dims, data: tensor.stringData.map(bytes => new TextDecoder().decode(bytes)) }
  }
  const bytes = tensorBytes(tensor, directory)
  if (type === 'bfloat16') {
    const bits = aligned(bytes, Uint16Array)
    return { type: 'float32', dims, data: new Float32Array(Uint32Array.from(bits, b => b << 16).buffer) }
  }
  if (type === 'int4' || type === 'uint4') return unpackNibbles(bytes, type, dims)
  if (!(type in ARRAYS)) {
    throw new BantamError('unsupported', `Tensor ${tensor.name} is ${type}, which cannot be read as numbers.`)
  }
  const element = type as keyof typeof ARRAYS
  return { type: element, dims, data: aligned<TensorData>(bytes, ARRAYS[element]) }
}

/** A typed array over the bytes: a view where they are aligned, else a copy. */
function aligned<T>(
  bytes: Uint8Array,
  type: { new (buffer: ArrayBufferLike, offset: number, length: number): T; BYTES_PER_ELEMENT: number },
): T {
  const size = type.BYTES_PER_ELEMENT
  const source = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  return new type(source.buffer, source.byteOffset, source.byteLength / size)
}

function unpackNibbles(bytes: Uint8Array, type: 'int4' | 'uint4', dims: number[]): Tensor {
  const count = countOf(dims)
  const signed = type === 'int4'
  const data = signed ? new Int8Array(count) : new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    const nibble = ((bytes[i >> 1] ?? 0) >> ((i & 1) * 4)) & 15
    data[i] = signed && nibble > 7 ? nibble - 16 : nibble
  }
  return { type: signed ? 'int8' : 'uint8', dims, data }
}

/** What `makeTensor` takes. */
export type TensorSource = TensorData | readonly number[] | readonly bigint[]

/**
 * A tensor with its payload in `rawData` (typed arrays are shared, not copied).
 * float16 and bfloat16: a Uint16Array is taken as bit patterns, anything else is rounded to nearest even.
 * int4 and uint4: a Uint8Array is taken as the packed payload, anything else as one value per element.
 * Throws `internal` when the data does not fill the dimensions.
 */
export function makeTensor(
  name: string,
  type: ElementType | 'bfloat16' | 'int4' | 'uint4',
  dims: readonly number[],
  data: TensorSource,
): TensorProto {
  const tensor = create(TensorProtoSchema, { name, dataType: dataTypeOf(type), dims: dims.map(BigInt) })
  if (type === 'string') {
    tensor.stringData = Array.from(data as string[], text => new Uint8Array(new TextEncoder().encode(text)))
  } else {
    // protobuf's typings ask for an ArrayBuffer below; a SharedArrayBuffer would serve as well.
    tensor.rawData = payload(type, data) as Uint8Array<ArrayBuffer>
  }
  const have = type === 'string' ? tensor.stringData.length : tensor.rawData.byteLength
  const need = type === 'string' ? countOf(dims) : tensorByteLength(tensor)
  if (have !== need) {
    throw new BantamError('internal', `Tensor ${name} of [${dims.join(', ')}] needs ${need}, got ${have}.`)
  }
  return tensor
}

function payload(type: Exclude<Parameters<typeof makeTensor>[1], 'string'>, data: TensorSource): Uint8Array {
  const values = data as ArrayLike<number>
  switch (type) {
    case 'float16':
      return bytesOf(data instanceof Uint16Array ? data : Uint16Array.from(values, floatToHalf))
    case 'bfloat16':
      return bytesOf(data instanceof Uint16Array ? data : Uint16Array.from(values, floatToBfloat))
    case 'int4':
    case 'uint4':
      return data instanceof Uint8Array ? data : packNibbles(values)
    case 'int64':
      return bytesOf(data instanceof BigInt64Array ? data : BigInt64Array.from(values, v => BigInt(v)))
    case 'uint64':
      return bytesOf(data instanceof BigUint64Array ? data : BigUint64Array.from(values, v => BigInt(v)))
    default: {
      const array = ARRAYS[type]
      return bytesOf(data instanceof array ? data : array.from(values))
    }
  }
}

function packNibbles(values: ArrayLike<number>): Uint8Array {
  const packed = new Uint8Array((values.length + 1) >> 1)
  for (let i = 0; i < values.length; i++) {
    packed[i >> 1] = (packed[i >> 1] ?? 0) | (((values[i] ?? 0) & 15) << ((i & 1) * 4))
  }
  return packed
}

const scratch = new DataView(new ArrayBuffer(4))

/** Number → bfloat16 bits (the upper half of float32), round to nearest even; NaN stays NaN. */
export function floatToBfloat(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  if (Number.isNaN(value)) return 0x7fc0
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}
