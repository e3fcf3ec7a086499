/** Conversions between real and quantized numbers, and element-wise operators on quantized ones. */
import type { QuantizationOp } from './names'
import { free, type OpRow } from './row'

export const quantization = {
  DequantizeLinear: free,
  DynamicQuantizeLinear: free,
  QuantizeLinear: free,
  'com.microsoft:DequantizeBFP': free,
  'com.microsoft:DequantizeLinear': free,
  'com.microsoft:DequantizeWithOrder': free,
  'com.microsoft:QLinearAdd': free,
  'com.microsoft:QLinearLeakyRelu': free,
  'com.microsoft:QLinearMul': free,
  'com.microsoft:QLinearSigmoid': free,
  'com.microsoft:QLinearSoftmax': free,
  'com.microsoft:QuantizeBFP': free,
  'com.microsoft:QuantizeLinear': free,
  'com.microsoft:QuantizeWithOrder': free,
} satisfies Record<QuantizationOp, OpRow>
