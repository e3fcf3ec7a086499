/** What techniques are asked for, and what they decide and promise. */
import { z } from 'zod'
import { Note } from './note'

/** What one technique decided, before anything is changed. Serialisable; applying it again gives the same bytes. */
export const Plan = z.object({
  technique: z.string(),
  version: z.number().int(),
  seed: z.number().int(),
  options: z.record(z.string(), z.unknown()),
  /** Technique's own decisions: scales, tensors, nodes, groups. */
  decisions: z.record(z.string(), z.unknown()),
  /** What was left alone and why, and what to know about the result. */
  notes: z.array(Note),
})
export type Plan = z.infer<typeof Plan>

export const Step = z.object({
  technique: z.string(),
  options: z.record(z.string(), z.unknown()).default({}),
})
export type Step = z.infer<typeof Step>

export const Recipe = z.object({
  name: z.string().optional(),
  seed: z.number().int().default(0),
  steps: z.array(Step).min(1),
})
export type Recipe = z.infer<typeof Recipe>

/** A technique as the screen and the command line see it. `schema` is JSON Schema made from its zod schema. */
export const TechniqueInfo = z.object({
  id: z.string(),
  title: z.string(),
  summary: z.string(),
  reference: z.string(),
  needs: z.enum(['nothing', 'calibration', 'labels']),
  schema: z.record(z.string(), z.unknown()),
})
export type TechniqueInfo = z.infer<typeof TechniqueInfo>

/** What to expect of a technique on a model and machine, before it is run. */
export const Advice = z.object({
  notes: z.array(Note),
  /** Expected size in bytes; null where it cannot be told. */
  sizeBytes: z.number().nullable(),
  /** Expected latency relative to the parent as a range (0.5 = twice as fast); null where it cannot be told. */
  latencyRatio: z.object({ low: z.number(), high: z.number() }).nullable(),
})
export type Advice = z.infer<typeof Advice>
