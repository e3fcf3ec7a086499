/** Constant weights as codes of 8 or 4 bits, per tensor or per channel. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { intAttribute } from '../onnx/build'
import { tensorDims, tensorValues } from '../onnx/tensor'
import { unpackBits } from './adaround/bits'
import {
  affineFor,
  type CodeRange,
  type CodeType,
  codeRange,
  quantizeInto,
  type Range,
  rangeOf,
  type WeightType,
} from './affine'
import { leastErrorBounds, leastErrorRange } from './calibrate/mse-weights'

/** How a weight tensor is quantized: one scale, or one for every index of `axis`; one zero point for all. */
export interface WeightScales {
  axis: number | null
  scales: number[]
  zeroPoint: number
  /** Which elements are rounded up, the others down (`packBits`); to nearest where absent. */
  up?: string | undefined
}

export interface WeightCoding {
  type: WeightType
  /** Seven bits, so that pairs of products fit 16 bits. */
  reduced: boolean
  /** `mse`: clipped where that makes the squared error least; else every weight is within the range. */
  range?: 'minmax' | 'mse'
}

/** How a planned weight is coded: in 4 bits where the plan says so, else as its 8-bit weights are. */
export function codingOf(
  plan: { weightType: CodeType; reduced: boolean },
  weight: { bits?: 4 | undefined },
): WeightCoding {
  return weight.bits === 4
    ? { type: 'int4', reduced: false }
    : { type: plan.weightType, reduced: plan.reduced }
}

/** A float32 initializer's values. Throws what `tensorValues` throws. */
export function floatValues(tensor: TensorProto, directory: string | null): Float32Array {
  return tensorValues(tensor, directory).data as Float32Array
}

/** True when no value is infinite or NaN. */
export function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false
  return true
}

/**
 * Scales of a weight tensor: symmetric for int8 and int4; for uint8 asymmetric per tensor, and symmetric about 128 per
 * channel (ONNX Runtime's convolution needs one zero point for all channels). A channel of zeros gets the tensor's
 * largest scale, so that its bias stays exact.
 */
export function weightScales(
  values: Float32Array,
  dims: readonly number[],
  axis: number | null,
  coding: WeightCoding,
): WeightScales {
  const symmetric = coding.type !== 'uint8' || axis !== null
  const codes = codeRange(coding.type, { narrow: true, reduced: coding.reduced })
  const clipped = coding.range === 'mse'
  if (axis === null) {
    const { scale, zeroPoint } = affineFor(wholeRange(values, codes, symmetric, clipped), codes, symmetric)
    return { axis, scales: [scale], zeroPoint }
  }
  const extremes = clipped ? leastErrorBounds(values, dims, axis, codes) : channelExtremes(values, dims, axis)
  const params = Array.from(extremes, bound => affineFor({ min: -bound, max: bound }, codes, true))
  const largest = params.reduce((most, p, i) => (extremes[i] === 0 ? most : Math.max(most, p.scale)), 0) || 1
  return {
    axis,
    scales: params.map((p, i) => (extremes[i] === 0 ? largest : p.scale)),
    zeroPoint: params[0]?.zeroPoint ?? 0,
  }
}

function wholeRange(values: Float32Array, codes: CodeRange, symmetric: boolean, clipped: boolean): Range {
  if (!clipped) return rangeOf(values)
  if (!symmetric) return leastErrorRange(values, codes)
  const bound = leastErrorBounds(values, [], null, codes)[0] ?? 0
  return { min: -bound, max: bound }
}

/** Largest magnitude in every channel. */
function channelExtremes(values: Float32Array, dims: readonly number[], axis: number): Float64Array {
  const extremes = new Float64Array(dims[axis] ?? 0)
  eachRun(dims, axis, (channel, from, to) => {
    let most = extremes[channel] as number
    for (let i = from; i < to; i++) {
      const size = Math.abs(values[i] as number)
      if (size > most) most = size
    }
    extremes[channel] = most
  })
  return extremes
}

/**
 * The codes, one per element. Symmetric codes leave out −128 of int8 and −8 of int4. Throws `internal` when `up` is not of
 * as many elements.
 */
export function quantizeWeight(
  values: Float32Array,
  dims: readonly number[],
  weight: WeightScales,
  coding: WeightCoding,
): Int8Array | Uint8Array {
  const out = coding.type === 'uint8' ? new Uint8Array(values.length) : new Int8Array(values.length)
  const codes = codeRange(coding.type, { narrow: true, reduced: coding.reduced })
  const { axis, scales, zeroPoint } = weight
  if (weight.up !== undefined)
    return roundedAs(floorWeight(values, dims, weight, coding), weight.up, zeroPoint, out)
  if (axis === null) {
    quantizeInto(values, 0, values.length, { scale: scales[0] ?? 1, zeroPoint }, codes, out)
    return out
  }
  eachRun(dims, axis, (channel, from, to) => {
    quantizeInto(values, from, to, { scale: scales[channel] as number, zeroPoint }, codes, out)
  })
  return out
}

function roundedAs(
  floor: Float32Array,
  up: string,
  zeroPoint: number,
  out: Int8Array | Uint8Array,
): Int8Array | Uint8Array {
  const bits = unpackBits(up, out.length)
  if (!bits) throw new BantamError('internal', 'The plan rounds another number of weights than there are.')
  for (let i = 0; i < out.length; i++) {
    out[i] = (floor[i] as number) + (bits[i] as number) + zeroPoint
  }
  return out
}

/**
 * ⌊w/s⌋ of every element, less the zero point, the division in float32 as where codes are rounded to nearest; cut so that
 * it and the next are codes.
 */
export function floorWeight(
  values: Float32Array,
  dims: readonly number[],
  { axis, scales, zeroPoint }: WeightScales,
  coding: WeightCoding,
): Float32Array {
  const codes = codeRange(coding.type, { narrow: true, reduced: coding.reduced })
  const [low, high] = [codes.min - zeroPoint, codes.max - zeroPoint - 1]
  const out = new Float32Array(values.length)
  const fill = (scale: number, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const code = Math.floor(Math.fround((values[i] as number) / scale))
      out[i] = Math.min(high, Math.max(low, code))
    }
  }
  if (axis === null) fill(scales[0] ?? 1, 0, values.length)
  else eachRun(dims, axis, (channel, from, to) => fill(scales[channel] as number, from, to))
  return out
}

/** Calls with every contiguous run of elements that share an index of `axis`. */
function eachRun(
  dims: readonly number[],
  axis: number,
  visit: (channel: number, from: number, to: number) => void,
): void {
  const channels = dims[axis] ?? 0
  const inner = dims.slice(axis + 1).reduce((product, d) => product * d, 1)
  const outer = dims.slice(0, axis).reduce((product, d) => product * d, 1)
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const from = (o * channels + c) * inner
      visit(c, from, from + inner)
    }
  }
}

/** `weightScales` of an initializer. */
export function scalesOf(
  tensor: TensorProto,
  directory: string | null,
  axis: number | null,
  coding: WeightCoding,
): WeightScales {
  return weightScales(floatValues(tensor, directory), tensorDims(tensor), axis, coding)
}

/** Axis of a weight's output channels; null where scales per channel are not possible. */
export function channelAxis(node: NodeProto, rank: number): number | null {
  switch (node.opType) {
    case 'Conv':
      return 0
    case 'Gemm':
      return intAttribute(node, 'transB', 0) ? 0 : 1
    case 'MatMul':
      return rank === 2 ? 1 : null
    default:
      return null
  }
}
