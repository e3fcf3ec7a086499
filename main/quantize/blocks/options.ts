/** Options and decisions of weights in blocks. */
import { z } from 'zod'
import { DatasetSpec } from '../../../shared/domain'
import type { Bits } from './grid'

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
  rounding: z
    .enum(['nearest', 'hqq', 'gptq'])
    .default('nearest')
    .meta({
      title: 'Rounding',
      description:
        'nearest: the range of each block, rounded to nearest. hqq: half-quadratic quantization, which fits each block with outliers weighing little; takes longer, needs no data. gptq: what one weight got wrong is made up for by those not rounded yet, so that the layer gives what it gave on samples; needs data.',
      needsData: ['gptq'],
    }),
  scaling: z
    .enum(['none', 'awq'])
    .default('none')
    .meta({
      title: 'Scaling',
      description:
        'awq: inputs that are large on samples have their weights enlarged before rounding, and are divided by as much in what comes before the layer, or by a Mul. Needs data; goes with every rounding.',
      needsData: ['awq'],
    }),
  clip: z
    .boolean()
    .default(false)
    .meta({
      title: 'Clip blocks',
      description:
        'Searches the range of every block that costs least in what the layer gives on samples, instead of the range of all weights. Needs data.',
      needsData: [true],
    }),
  actOrder: z.boolean().default(false).meta({
    title: 'Large inputs first',
    description: 'For gptq: rounds the weights of inputs that are large on samples first.',
  }),
  sequential: z.boolean().default(true).meta({
    title: 'Layer after layer',
    description:
      'For gptq: every layer is rounded for the inputs that the quantized layers before it give. Without, for those of the float model.',
  }),
  damping: z.number().min(1e-6).max(1).default(0.01).meta({
    title: 'Damping',
    description:
      "For gptq: part of the inputs' mean square that is added to each, against overfitting the samples.",
  }),
  samples: z.number().int().min(1).max(100_000).default(128).meta({
    title: 'Samples',
    description: 'Samples that gptq, awq and clipping look at.',
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
  embeddings: z.boolean().default(false).meta({
    title: 'Embedding tables',
    description:
      'Tables that a Gather reads are stored in blocks too: as GatherBlockQuantized in the form nbits, else as codes that are gathered and then dequantized.',
  }),
  least: z.number().int().min(1).max(1_000_000_000).default(1024).meta({
    title: 'Smallest layer',
    description: 'Layers and tables with fewer weights than this stay in float32.',
  }),
  exclude: z.array(z.string().min(1)).default([]).meta({
    title: 'Nodes left in float',
    description: 'Names of nodes (or of values they make) whose weights are not quantized.',
  }),
})
export type Int4Options = z.output<typeof Int4Options>

/** What is decided of the layers and tables of a model, whichever technique asked. */
export const BlockDecisions = z.object({
  form: z.enum(['nbits', 'dequantize']),
  bits: z.union([z.literal(4), z.literal(8)]).default(4),
  /** Operator set of the result. */
  opset: z.number().int(),
  group: z.number().int(),
  symmetric: z.boolean(),
  rounding: z.enum(['nearest', 'hqq', 'gptq']),
  /** Zero points are float32 and need not be whole numbers. */
  fractional: z.boolean(),
  arithmetic: z.enum(['float32', 'int8']),
  scaling: z.enum(['none', 'awq']).default('none'),
  clip: z.boolean().default(false),
  actOrder: z.boolean().default(false),
  sequential: z.boolean().default(true),
  damping: z.number().default(0.01),
  /**
   * Codes are made from the weights, and for some methods from the samples, when the plan is applied: written down here
   * they would be as large as the model.
   */
  layers: z.array(
    z.object({
      id: z.string(),
      weight: z.string(),
      k: z.number().int(),
      n: z.number().int(),
      transposed: z.boolean(),
    }),
  ),
  tables: z
    .array(z.object({ id: z.string(), table: z.string(), rows: z.number().int(), width: z.number().int() }))
    .default([]),
  /** How many samples were looked at; with what applying looks at again. */
  samples: z.number().int().optional(),
  data: DatasetSpec.optional(),
  from: z.unknown().optional(),
  threads: z.number().int().optional(),
  processor: z.string().optional(),
})
export type BlockDecisions = z.infer<typeof BlockDecisions>

/** What makes a technique look at samples when it is applied. */
export type LearntBlocks = Pick<Int4Options, 'rounding' | 'scaling' | 'clip'>

/** True where the codes depend on what layers are given on samples: where the options above say `needsData`. */
export function looksAtSamples({ rounding, scaling, clip }: LearntBlocks): boolean {
  return rounding === 'gptq' || scaling === 'awq' || clip
}

/** Why zero points cannot be fractions with these options, though asked for; null where they can, or were not. */
export function fractionObstacle({ form, symmetric, rounding, fractional }: Int4Options): string | null {
  if (!fractional) return null
  if (rounding !== 'hqq')
    return `${rounding === 'gptq' ? 'gptq' : 'rounding to nearest'} has whole zero points`
  if (symmetric) return 'symmetric blocks have no zero points'
  return form === 'nbits' ? null : 'DequantizeLinear takes whole zero points only'
}

/** Bits that one weight takes with its share of scale and zero point. */
export function bitsPerWeight(
  options: Pick<Int4Options, 'symmetric' | 'fractional' | 'group'>,
  bits: Bits = 4,
): number {
  const zero = options.symmetric ? 0 : options.fractional ? 32 : bits
  return bits + (32 + zero) / options.group
}
