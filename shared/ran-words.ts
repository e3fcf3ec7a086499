/** What ONNX Runtime ran of a quantized model, in words. */
import type { RanKernels } from './domain'

/** '7 of 7 planned nodes ran in 8 bits; 1 multiplies in float; 3 conversions'. */
export function ranWords({ int8, float, quantize, conversion, planned, fellBack }: RanKernels): string {
  const done = planned - fellBack.length
  return [
    planned > 0
      ? `${done} of ${planned} planned nodes ran in 8 bits`
      : `${int8} kernel${int8 === 1 ? '' : 's'} compute${int8 === 1 ? 's' : ''} in 8 bits`,
    ...(float > 0 ? [`${float} multipl${float === 1 ? 'ies' : 'y'} in float`] : []),
    ...(quantize > 0 ? [`${quantize} conversion${quantize === 1 ? '' : 's'} to 8 bits or back`] : []),
    ...(conversion > 0 ? [`${conversion} change${conversion === 1 ? '' : 's'} of layout`] : []),
  ].join('; ')
}
