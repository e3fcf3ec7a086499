/** Options of the search for mixed precision: those of static int8, and what may be lost. */
import { z } from 'zod'
import { StaticOptions } from '../static/options'

export const MixedOptions = z.object({
  loseAtMost: z.number().min(0).max(100).default(0.5).meta({
    title: 'Lose at most',
    description:
      'What may be lost: percentage points of accuracy; without labels points of agreement with the original, or per cent of the distance from its answers; of errors per cent of the original error.',
  }),
  goal: z.enum(['fastest', 'smallest']).default('fastest').meta({
    title: 'Goal',
    description: 'Of the models that lose no more, which one is wanted.',
  }),
  minutes: z.number().positive().max(1440).default(3).meta({
    title: 'Minutes',
    description: 'When the search ends at the latest, with the best so far.',
  }),
  judged: z.number().int().min(1).max(1_000_000).default(1000).meta({
    title: 'Samples to judge by',
    description:
      'How many further samples of the calibration split every trial is measured on, at most: fewer, but at least 128, where the time would allow few trials. A loss smaller than one sample in that number cannot be seen.',
  }),
  repair: z.boolean().default(true).meta({
    title: 'Try other scales first',
    description:
      'Where everything in 8 bits loses too much, try other calibrations, equalized layers and corrected biases before layers are kept in float.',
  }),
  // What is searched over are 8 bits, 16 and float.
  ...StaticOptions.omit({ weights: true, activations: true }).shape,
})
export type MixedOptions = z.output<typeof MixedOptions>
