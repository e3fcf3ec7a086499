/** What a tensor is, as data. */
import { z } from 'zod'

/** A dimension: a number, or the name of a symbolic dimension ('' when unknown). */
export const Dimension = z.union([z.number().int(), z.string()])
/** `type` is ORT's element type name: float32, float16, int64, … */
export const TensorInfo = z.object({
  name: z.string(),
  type: z.string(),
  shape: z.array(Dimension),
  /** Of an input whose values are places in a table (token numbers): rows of the table, where the graph tells. */
  rows: z.number().optional(),
  /** Of the token numbers that a causal language model continues: scores it gives for the next one at every position. */
  vocabulary: z.number().optional(),
})
export type TensorInfo = z.infer<typeof TensorInfo>
