/** What a kernel does, as far as speed is concerned. */
import type { ProfileNode } from '../../shared/domain'

/** Operators that multiply matrices in 8 bits, whatever type they take in. */
const INT8_OPERATORS =
  /^(QLinear|QGemm|QAttention|QOrdered|QMoE|QEmbed|ConvInteger|MatMulInteger|DynamicQuantizeMatMul|DynamicQuantizeLSTM)/
/** Operators that turn numbers into 8 bits and back. */
const QUANTIZERS = new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'])
/** Changes of layout or place that no model asks for: ORT puts them in. */
const LAYOUT = new Set(['ReorderInput', 'ReorderOutput', 'MemcpyToHost', 'MemcpyFromHost'])
/** Transposes that ORT puts in around 8-bit convolutions have the bare name. */
const INSERTED_TRANSPOSE = /^Transpose(_token_\d+)?$/
/** Operators that do the multiplications of a network. */
const COMPUTE =
  /^(Fused)?(Conv|ConvTranspose|MatMul|Gemm|Attention|MultiHeadAttention|GroupQueryAttention|LSTM|GRU|RNN|Einsum|MatMulNBits)$|^FusedConv$|^FusedMatMul$|^FusedGemm$|^NhwcFusedConv$/

export type KernelKind = 'int8' | 'quantize' | 'conversion' | 'compute' | 'other'

type Kernel = Pick<ProfileNode, 'name' | 'op' | 'precision'>

/**
 * int8: computes on 8-bit numbers; quantize: to 8 bits or back; conversion: a layout change or copy that ORT put in, or
 * a cast between floating-point types; compute: multiplications in floating point; other: the rest.
 */
export function kernelKind({ name, op, precision }: Kernel): KernelKind {
  if (QUANTIZERS.has(op)) return 'quantize'
  if (
    LAYOUT.has(op) ||
    (op === 'Transpose' && INSERTED_TRANSPOSE.test(name)) ||
    isFloatCast({ name, op, precision })
  ) {
    return 'conversion'
  }
  if (INT8_OPERATORS.test(op) || precision === 'int8' || precision === 'uint8') return 'int8'
  return COMPUTE.test(op) ? 'compute' : 'other'
}

/** A cast that ORT put in to compute in another floating-point type, or one from float16. */
export function isFloatCast({ name, op, precision }: Kernel): boolean {
  return op === 'Cast' && (/^Inserted\w*Cast/.test(name) || HALF.has(precision))
}

const HALF = new Set(['float16', 'bfloat16'])

/**
 * Element type a kernel computes in: that of its first input; int8 for operators that quantize inside; for casts the
 * half-width floating-point type when they go to one.
 */
export function kernelPrecision(
  op: string,
  inputTypes: readonly string[],
  outputTypes: readonly string[],
): string {
  const [first = outputTypes[0] ?? 'unknown'] = inputTypes
  const [to = first] = outputTypes
  if (op === 'Cast' && HALF.has(to)) return to
  return INT8_OPERATORS.test(op) && first.startsWith('float') ? 'int8' : first
}
