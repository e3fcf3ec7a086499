/** Samples on which models are compared. */
import { z } from 'zod'

/** A sample on which a variant and the reference can be compared. */
export const Prediction = z.object({
  index: z.number(),
  label: z.string().nullable(),
  /** URL of the sample's picture, when it is one. */
  image: z.string().nullable(),
  /** The sample's text, or both of a pair, when it is one; the beginning of long ones. */
  texts: z.array(z.string()).optional(),
  reference: z.object({ output: z.string(), confidence: z.number().nullable() }),
  variant: z.object({ output: z.string(), confidence: z.number().nullable() }),
  /** Classification with labels: fixed, broken, or both wrong/right; otherwise null. */
  outcome: z.enum(['fixed', 'broken', 'both-wrong', 'both-right']).nullable(),
  /** Distance of the outputs (total variation for distributions, else max abs). */
  distance: z.number(),
})
export type Prediction = z.infer<typeof Prediction>
