/** Options and decisions of smoothing, which every quantization of activations shares. */
import { z } from 'zod'

export const smoothFields = {
  smooth: z.enum(['none', 'alpha', 'search']).default('none').meta({
    title: 'Smooth activations',
    description:
      'Move outlier channels of what dense layers read into their weights (SmoothQuant), without a change of what the network computes: with one alpha for all, or the best from 0.3 to 0.9 found for each on the calibration samples. For transformers.',
  }),
  smoothAlpha: z.number().min(0).max(1).default(0.5).meta({
    title: 'Alpha',
    description:
      'With smoothing by one alpha: how much of the range goes into the weights, from 0 (as little as they allow) to 1 (all).',
  }),
  smoothInsert: z.boolean().default(true).meta({
    title: 'Multiply where nothing folds',
    description:
      'Smooth by a Mul of its own where nothing before a layer can take the division: an operator more, in float.',
  }),
}

/** One smoothed value, in a plan. They are applied in their order. */
export const Smoothing = z.object({
  value: z.string(),
  /** First outputs of the dense layers that read it. */
  readers: z.array(z.string()),
  /** Whether what makes the value takes the division, or a Mul behind it. */
  folded: z.boolean(),
  alpha: z.number(),
  /** One float32 per channel, little-endian, in base64. */
  scales: z.base64(),
})
export type Smoothing = z.infer<typeof Smoothing>
