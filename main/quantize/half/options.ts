/** Options and decisions of half precision. */
import { z } from 'zod'

export const HALF_TYPES = ['float16', 'bfloat16'] as const
export type HalfType = (typeof HALF_TYPES)[number]

export const HalfOptions = z.object({
  type: z.enum(HALF_TYPES).default('float16').meta({
    title: 'Number type',
    description:
      'float16 is more exact and computed with; bfloat16 has the range of float32 and is for storing weights only: ONNX Runtime on CPU cannot compute with it.',
  }),
  keep: z.enum(['range', 'automatic']).default('range').meta({
    title: 'What stays in float32',
    description:
      'range keeps nodes whose values float16 cannot hold; automatic also measures on samples what each group of nodes costs, and keeps the costliest until the answers are close enough.',
  }),
  sqnr: z.number().min(1).max(120).default(40).meta({
    title: 'Signal to noise',
    description: 'How close answers must stay with automatic choice, in dB: 40 is noise of one percent.',
  }),
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float32',
    description: 'Names of nodes (or of values they make) that stay in float32.',
  }),
  operators: z.array(z.string().min(1)).default([]).meta({
    title: 'Operators left in float32',
    description: 'Operator types that stay in float32 wherever they occur, for example Softmax.',
  }),
})
export type HalfOptions = z.output<typeof HalfOptions>

export const HalfDecisions = z.object({
  type: z.enum(HALF_TYPES).default('float16'),
  /** First outputs of the nodes that compute in float16, or whose weights are stored in bfloat16. */
  nodes: z.array(z.string()),
  /** Samples on which ranges were measured; null without data. */
  samples: z.number().int().nullable(),
})
export type HalfDecisions = z.infer<typeof HalfDecisions>
