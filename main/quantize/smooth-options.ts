/** Options of smoothing, which every quantization of activations shares. */
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
