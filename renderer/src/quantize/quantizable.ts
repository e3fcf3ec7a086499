/** Which variants can be quantized to 8 bits. */
import type { Variant } from '../../../shared/domain'

/** Operators that quantized models have, of any form: QDQ, integer operators, 4-bit products. */
const CODED =
  /(^|\.)(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|QLinear\w+|\w+Integer\w*|QGemm|QAttention|DynamicQuantize\w+|MatMulNBits|GatherBlockQuantized)$/

/** Operators that multiply, which 8 bits make faster. */
const MULTIPLIES = /(^|\.)(Conv|ConvTranspose|Gemm|MatMul)$/

type Summarized = Pick<Variant, 'summary'>

export function isQuantized({ summary }: Summarized): boolean {
  return Object.keys(summary.operators).some(op => CODED.test(op))
}

export function multiplies({ summary }: Summarized): boolean {
  return Object.keys(summary.operators).some(op => MULTIPLIES.test(op))
}

/** The nearest model before a variant that is not quantized; null where there is none. */
export function floatAncestor(variants: readonly Variant[], variant: Variant): Variant | null {
  let at: Variant | undefined = variant
  while (at && isQuantized(at)) {
    const { parentId }: Variant = at
    at = variants.find(v => v.id === parentId)
  }
  return at ?? null
}
