/**
 * Affine 8-bit quantization: r ≈ s·(q − z), q = clamp(round(r / s) + z), rounding half to even.
 *
 * For a range [a, b] (widened to contain 0) onto codes [qmin, qmax]:
 *   asymmetric   s = (b − a) / (qmax − qmin),  z = round(qmin − a / s)
 *   symmetric    s = 2·max(|a|, |b|) / (qmax − qmin),  z = round((qmin + qmax) / 2)
 * s is computed in double and stored as float32; z comes from the unrounded s.
 * Specification: https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html
 */

/** Storage types of quantized values. */
export type CodeType = 'uint8' | 'int8'

/** Storage types of quantized weights: 4 bits too. */
export type WeightType = CodeType | 'int4'

/** A closed interval of real values. */
export interface Range {
  min: number
  max: number
}

/** One scale and zero point: r ≈ scale · (q − zeroPoint). */
export interface Affine {
  scale: number
  zeroPoint: number
}

export interface CodeRange {
  min: number
  max: number
}

/** Smallest normal float32: scales below it would underflow. */
const SMALLEST_SCALE = 2 ** -126
/** 1.5·2^52: adding and subtracting it rounds a double to an integer, half to even. */
const ROUNDER = 6755399441055744

/** Rounds half to even, as QuantizeLinear does. Exact for |x| < 2^51. */
export function roundHalfEven(x: number): number {
  return x + ROUNDER - ROUNDER
}

/**
 * Codes a type offers. `narrow` leaves out −128 (−8) so that the codes are symmetric about zero; `reduced` keeps to 7
 * bits, which cannot saturate the 16-bit sums of processors without VNNI.
 */
export function codeRange(type: WeightType, choice: { narrow?: boolean; reduced?: boolean } = {}): CodeRange {
  if (type === 'int4') return { min: choice.narrow ? -7 : -8, max: 7 }
  if (type === 'uint8') return { min: 0, max: choice.reduced ? 127 : 255 }
  if (choice.reduced) return { min: -64, max: 64 }
  return { min: choice.narrow ? -127 : -128, max: 127 }
}

/**
 * Scale and zero point for a range. An empty range (0, 0) gets scale 1 and the code of zero at the bottom when
 * asymmetric, so that a Relu before it stays redundant.
 */
export function affineFor(range: Range, codes: CodeRange, symmetric: boolean): Affine {
  let low = Math.min(range.min, 0)
  let high = Math.max(range.max, 0)
  if (symmetric) {
    high = Math.max(-low, high)
    low = -high
  }
  const scale = (high - low) / (codes.max - codes.min)
  const middle = roundHalfEven((codes.min + codes.max) / 2)
  if (!(scale >= SMALLEST_SCALE)) return { scale: 1, zeroPoint: symmetric ? middle : codes.min }
  const zeroPoint = symmetric ? middle : roundHalfEven(codes.min - low / scale)
  return { scale: Math.fround(scale), zeroPoint }
}

/** The real values that the lowest and highest code stand for. */
export function representable(affine: Affine, codes: CodeRange): Range {
  return {
    min: (codes.min - affine.zeroPoint) * affine.scale,
    max: (codes.max - affine.zeroPoint) * affine.scale,
  }
}

/** Quantizes `values[from … to)` into `out` at the same places. Division in float32, as ORT's QuantizeLinear. */
export function quantizeInto(
  values: Float32Array,
  from: number,
  to: number,
  affine: Affine,
  codes: CodeRange,
  out: Int8Array | Uint8Array,
): void {
  const { scale, zeroPoint } = affine
  const { min, max } = codes
  for (let i = from; i < to; i++) {
    const code = Math.fround((values[i] as number) / scale) + ROUNDER - ROUNDER + zeroPoint
    out[i] = code < min ? min : code > max ? max : code
  }
}

/** Smallest and largest of `values[from … to)`; NaN in either when there is a NaN. */
export function rangeOf(values: Float32Array, from = 0, to = values.length): Range {
  if (to <= from) return { min: 0, max: 0 }
  let min = values[from] as number
  let max = min
  for (let i = from; i < to; i++) {
    const value = values[i] as number
    if (value < min) min = value
    else if (value > max) max = value
    else if (Number.isNaN(value)) return { min: Number.NaN, max: Number.NaN }
  }
  return { min, max }
}

/** Int32 codes of a bias: round(b / (s_x · s_w)) with zero point 0; the float32 scales are returned beside them. */
export function quantizeBias(
  bias: Float32Array,
  inputScale: number,
  weightScales: ArrayLike<number>,
): { codes: Int32Array; scales: Float32Array } {
  const scales = Float32Array.from(
    { length: weightScales.length },
    (_, i) => inputScale * (weightScales[i] as number),
  )
  const codes = new Int32Array(bias.length)
  for (let i = 0; i < bias.length; i++) {
    const scale = scales[scales.length === 1 ? 0 : i] as number
    const code = roundHalfEven((bias[i] as number) / scale)
    codes[i] = Math.min(2147483647, Math.max(-2147483647, code))
  }
  return { codes, scales }
}
