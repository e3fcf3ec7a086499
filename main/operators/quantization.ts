/** Conversions between real and quantized numbers, and element-wise operators on quantized ones. */
import { QUANTIZED } from './gradient'
import type { QuantizationOp } from './names'
import { free, type OpRow, row } from './row'

export const quantization = {
  DequantizeLinear: row(free, QUANTIZED),
  DynamicQuantizeLinear: row(free, QUANTIZED),
  QuantizeLinear: row(free, QUANTIZED),
  'com.microsoft:DequantizeBFP': row(free, QUANTIZED),
  'com.microsoft:DequantizeLinear': row(free, QUANTIZED),
  'com.microsoft:DequantizeWithOrder': row(free, QUANTIZED),
  'com.microsoft:QLinearAdd': row(free, QUANTIZED),
  'com.microsoft:QLinearLeakyRelu': row(free, QUANTIZED),
  'com.microsoft:QLinearMul': row(free, QUANTIZED),
  'com.microsoft:QLinearSigmoid': row(free, QUANTIZED),
  'com.microsoft:QLinearSoftmax': row(free, QUANTIZED),
  'com.microsoft:QuantizeBFP': row(free, QUANTIZED),
  'com.microsoft:QuantizeLinear': row(free, QUANTIZED),
  'com.microsoft:QuantizeWithOrder': row(free, QUANTIZED),
} satisfies Record<QuantizationOp, OpRow>
