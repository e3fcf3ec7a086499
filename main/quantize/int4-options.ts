/** Options and decisions of weight-only int4. */
import { z } from 'zod'

export const Int4Options = z.object({
  form: z.enum(['nbits', 'dequantize']).default('nbits').meta({
    title: 'Form',
    description:
      "nbits: ONNX Runtime's own MatMulNBits, which computes on the codes. dequantize: the standard's DequantizeLinear in blocks (opset 21), which other runtimes know too.",
  }),
  group: z.literal([16, 32, 64, 128, 256]).default(32).meta({
    title: 'Block size',
    description:
      'Weights of one output that share a scale. Smaller blocks are more exact; each costs 32 bits, which are 1 bit per weight at 32 and ¼ bit at 128.',
  }),
  symmetric: z.boolean().default(false).meta({
    title: 'Symmetric',
    description:
      'No zero points: slightly smaller, less exact where the weights of a block lean to one side.',
  }),
  rounding: z.enum(['nearest', 'hqq']).default('nearest').meta({
    title: 'Rounding',
    description:
      'nearest: the range of each block, rounded to nearest. hqq: half-quadratic quantization, which fits each block with outliers weighing little; takes longer, needs no data.',
  }),
  fractional: z.boolean().default(false).meta({
    title: 'Fractional zero points',
    description:
      'For hqq in the form nbits without symmetric: fits zero points, as published, instead of scales. More exact, but 32 bits more per block, and several times slower than float on CPU.',
  }),
  arithmetic: z.enum(['float32', 'int8']).default('float32').meta({
    title: 'Arithmetic',
    description:
      'What MatMulNBits may round activations to while it multiplies. int8 is several times faster for one sample and hardly less exact. Only for the form nbits.',
  }),
  least: z.number().int().min(1).max(1_000_000_000).default(1024).meta({
    title: 'Smallest layer',
    description: 'Layers with fewer weights than this stay in float32.',
  }),
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float',
    description: 'Names of nodes (or of values they make) whose weights are not quantized.',
  }),
})
export type Int4Options = z.output<typeof Int4Options>

export const Int4Decisions = z.object({
  form: z.enum(['nbits', 'dequantize']),
  /** Operator set of the result. */
  opset: z.number().int(),
  group: z.number().int(),
  symmetric: z.boolean(),
  rounding: z.enum(['nearest', 'hqq']),
  /** Zero points are float32 and need not be whole numbers. */
  fractional: z.boolean(),
  arithmetic: z.enum(['float32', 'int8']),
  /** Codes are made from the weights when the plan is applied: written down here they would be as large as the model. */
  layers: z.array(
    z.object({
      id: z.string(),
      weight: z.string(),
      k: z.number().int(),
      n: z.number().int(),
      transposed: z.boolean(),
    }),
  ),
})
export type Int4Decisions = z.infer<typeof Int4Decisions>

/** Why zero points cannot be fractions with these options, though asked for; null where they can, or were not. */
export function fractionObstacle({ form, symmetric, rounding, fractional }: Int4Options): string | null {
  if (!fractional) return null
  if (rounding !== 'hqq') return 'rounding to nearest has whole zero points'
  if (symmetric) return 'symmetric blocks have no zero points'
  return form === 'nbits' ? null : 'DequantizeLinear takes whole zero points only'
}

/** Bits that one weight takes with its share of scale and zero point. */
export function bitsPerWeight(options: Int4Options): number {
  const zero = options.symmetric ? 0 : options.fractional ? 32 : 4
  return 4 + (32 + zero) / options.group
}
