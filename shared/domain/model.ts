/** Models as inspection finds them. */
import { z } from 'zod'
import { Dimension, TensorInfo } from '../tensor'
import { Note } from './note'

export const LayerSummary = z.object({
  name: z.string(),
  op: z.string(),
  /** Parameters the node reads from initializers (a shared weight counts at its first reader only). */
  parameters: z.number(),
  /** Multiply-accumulates for one sample; null when the operator's cost is unknown. */
  macs: z.number().nullable(),
  /** Bytes of initializers the node reads (same rule as `parameters`). */
  bytes: z.number(),
  outputShape: z.array(Dimension).nullable(),
})
export type LayerSummary = z.infer<typeof LayerSummary>

export const ModelSummary = z.object({
  hash: z.string(),
  /** Bytes of the file and its external data. */
  sizeBytes: z.number(),
  /** Of these, what tensors take, by element type; the rest is the graph. Absent where it was not looked at. */
  content: z.array(z.object({ type: z.string(), tensors: z.number(), bytes: z.number() })).optional(),
  opset: z.number(),
  /** Every imported operator set, '' being ai.onnx. */
  opsets: z.record(z.string(), z.number()),
  producer: z.string(),
  inputs: z.array(TensorInfo),
  outputs: z.array(TensorInfo),
  parameters: z.number(),
  /** Multiply-accumulates for one sample over operators of known cost. */
  macs: z.number(),
  /** Operators whose cost is unknown, with how many nodes: `macs` does not include them. */
  unknownCost: z.record(z.string(), z.number()),
  nodes: z.number(),
  operators: z.record(z.string(), z.number()),
  layers: z.array(LayerSummary),
  notes: z.array(Note),
})
export type ModelSummary = z.infer<typeof ModelSummary>
