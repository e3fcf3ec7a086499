/**
 * What static int8 quantization needs to know of an operator: which of its values can be 8-bit codes, so that ONNX
 * Runtime's CPU provider fuses DequantizeLinear → op → QuantizeLinear into an integer kernel. One row per operator.
 * Source of the facts: the rules of ONNX Runtime's QDQ selector and action transformer, and
 * `main/quantize/kernels.test.ts`, which asks ORT itself.
 */

import type { OpType } from './names'

/** Roles an operator can play. Positions are input numbers. */
export type QuantizeRole =
  /** Multiplies activations with constant weights: QLinearConv, QGemm, QLinearMatMul. An anchor of an int8 region. */
  | {
      kind: 'weighted'
      weight: number
      bias: number | null
      /** True when the kernel also exists with float output, so that nothing need be lost at the end of a region. */
      floatOutput: boolean
    }
  /** Works on two activations with scales of their own: QLinearAdd, QLinearMul. */
  | { kind: 'binary' }
  /** Works on one activation with its own input and output scale. `lossy`: 8-bit output hurts when it is a result. */
  | { kind: 'unary'; lossy: boolean }
  /** Moves codes without changing them: input 0 and every output share one scale. */
  | { kind: 'pass'; sinceOpset: number }
  /** Joins activations; they share one scale where their ranges are alike. */
  | { kind: 'concat' }
  /** Disappears into the saturation of the QuantizeLinear behind it. */
  | { kind: 'absorbed' }
  /** Stays in float. */
  | { kind: 'float'; reason: string }

const NO_KERNEL = 'ONNX Runtime has no int8 CPU kernel for it'
const RESULT = 'its 8-bit result is too coarse, and the float kernel is as fast'

/** Operators of the ai.onnx domain. What is not listed has no int8 kernel. */
export const QUANTIZE = {
  Conv: { kind: 'weighted', weight: 1, bias: 2, floatOutput: false },
  Gemm: { kind: 'weighted', weight: 1, bias: 2, floatOutput: true },
  MatMul: { kind: 'weighted', weight: 1, bias: null, floatOutput: true },
  Add: { kind: 'binary' },
  Mul: { kind: 'binary' },
  AveragePool: { kind: 'unary', lossy: false },
  GlobalAveragePool: { kind: 'unary', lossy: false },
  LeakyRelu: { kind: 'unary', lossy: false },
  Sigmoid: { kind: 'unary', lossy: true },
  Concat: { kind: 'concat' },
  Relu: { kind: 'absorbed' },
  Clip: { kind: 'absorbed' },
  MaxPool: { kind: 'pass', sinceOpset: 12 },
  Reshape: { kind: 'pass', sinceOpset: 1 },
  Flatten: { kind: 'pass', sinceOpset: 9 },
  Squeeze: { kind: 'pass', sinceOpset: 1 },
  Unsqueeze: { kind: 'pass', sinceOpset: 1 },
  Transpose: { kind: 'pass', sinceOpset: 1 },
  Slice: { kind: 'pass', sinceOpset: 10 },
  Gather: { kind: 'pass', sinceOpset: 1 },
  Expand: { kind: 'pass', sinceOpset: 8 },
  Tile: { kind: 'pass', sinceOpset: 6 },
  Split: { kind: 'pass', sinceOpset: 2 },
  Resize: { kind: 'pass', sinceOpset: 11 },
  ConvTranspose: { kind: 'float', reason: NO_KERNEL },
  LSTM: { kind: 'float', reason: NO_KERNEL },
  GRU: { kind: 'float', reason: NO_KERNEL },
  RNN: { kind: 'float', reason: NO_KERNEL },
  Softmax: { kind: 'float', reason: RESULT },
  LayerNormalization: { kind: 'float', reason: NO_KERNEL },
  InstanceNormalization: { kind: 'float', reason: NO_KERNEL },
  BatchNormalization: { kind: 'float', reason: NO_KERNEL },
  HardSigmoid: { kind: 'float', reason: NO_KERNEL },
  HardSwish: { kind: 'float', reason: NO_KERNEL },
  ReduceMean: { kind: 'float', reason: NO_KERNEL },
  Pad: { kind: 'float', reason: 'ONNX Runtime does not fuse it between 8-bit values' },
} as const satisfies Partial<Record<OpType, QuantizeRole>>

/** Operator types a person can choose to quantize. */
export const QUANTIZABLE: readonly string[] = Object.entries(QUANTIZE)
  .filter(([, role]) => role.kind !== 'float')
  .map(([op]) => op)

/** The role of an operator of a domain; null when nothing is known of it. */
export function quantizeRole(opType: string, domain: string): QuantizeRole | null {
  if (domain !== '' && domain !== 'ai.onnx') return null
  // The table is read by names that come from files.
  return Object.hasOwn(QUANTIZE, opType) ? ((QUANTIZE as Record<string, QuantizeRole>)[opType] ?? null) : null
}
