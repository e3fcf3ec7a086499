/**
 * Numbers → the model's element type. Values are rounded once, to the nearest of the type; integers must be whole and
 * in range, because a silently clipped token or pixel would be a different sample.
 */
import { BantamError } from '../../shared/errors'
import { type ElementType, floatToHalf, halfToFloat, type TensorData } from '../runtime/tensor'

const RANGES: Partial<Record<ElementType, [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 53), 2 ** 53],
  uint64: [0, 2 ** 53],
  bool: [0, 1],
}

/** Element types that samples can be turned into. */
export function isNumericType(type: string): type is Exclude<ElementType, 'string'> {
  return type === 'float32' || type === 'float64' || type === 'float16' || type in RANGES
}

export function isFloatType(type: string): boolean {
  return type === 'float32' || type === 'float64' || type === 'float16'
}

/** Values of any numeric type as numbers. */
export function numbersOf(data: TensorData, type: ElementType): Float64Array | Float32Array {
  if (type === 'float16') return Float64Array.from(data as Uint16Array, halfToFloat)
  if (data instanceof Float64Array || data instanceof Float32Array) return data
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array || Array.isArray(data)))
    return new Float64Array(data)
  return Float64Array.from(data as ArrayLike<bigint | string>, Number)
}

/**
 * `values` as `type`. `describe(i)` names the sample and field of the i-th value for the error.
 * Throws `bad-data` for a value that an integer type cannot hold.
 */
export function toType(
  values: Float64Array | Float32Array,
  type: ElementType,
  describe: (position: number) => string,
): TensorData {
  switch (type) {
    case 'float32':
      return new Float32Array(values)
    case 'float64':
      return new Float64Array(values)
    case 'float16': {
      const at = values.findIndex(value => Math.abs(value) >= HALF_OVERFLOW)
      if (at >= 0) throw cannotHold(values[at] ?? 0, type, describe(at))
      return Uint16Array.from(values, value => doubleToHalf(value))
    }
    case 'string':
      throw new BantamError('unsupported', 'Text inputs need a tokenizer, which is not supported yet.')
  }
  const [low, high] = RANGES[type] ?? [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN
    if (Number.isInteger(value) && value >= low && value <= high) continue
    throw cannotHold(value, type, describe(i))
  }
  return integers(values, type)
}

/** From here on a number rounds to infinity in binary16. */
const HALF_OVERFLOW = 65_520

function cannotHold(value: number, type: ElementType, what: string): BantamError {
  return new BantamError('bad-data', `${what} is ${value}, which the model's type ${type} cannot hold.`, {
    action: 'Choose other data, or preprocessing that gives values the type can hold.',
  })
}

/**
 * A double to binary16 with one rounding. Going through single precision would round twice; that can differ only where
 * the single lies halfway between two halves, so the single is first moved off the tie towards the double.
 */
function doubleToHalf(value: number): number {
  const single = Math.fround(value)
  if (single === value || !Number.isFinite(single)) return floatToHalf(single)
  scratch[0] = single
  const towardsZero = Math.abs(single) > Math.abs(value)
  // Sticky bit: an odd last bit keeps a value that is not exact from looking like a tie.
  if (towardsZero) bits[0] = (bits[0] ?? 0) - 1
  bits[0] = (bits[0] ?? 0) | 1
  return floatToHalf(scratch[0] ?? 0)
}
const scratch = new Float32Array(1)
const bits = new Uint32Array(scratch.buffer)

function integers(values: Float64Array | Float32Array, type: ElementType): TensorData {
  switch (type) {
    case 'int8':
      return new Int8Array(values)
    case 'int16':
      return new Int16Array(values)
    case 'uint16':
      return new Uint16Array(values)
    case 'int32':
      return new Int32Array(values)
    case 'uint32':
      return new Uint32Array(values)
    case 'int64':
      return BigInt64Array.from(Array.from(values, BigInt))
    case 'uint64':
      return BigUint64Array.from(Array.from(values, BigInt))
    default:
      return new Uint8Array(values)
  }
}
