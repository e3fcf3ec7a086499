/** What the workspace holds. */
import { z } from 'zod'
import { BenchmarkRow, Generation, LatencyRatio } from './benchmark'
import { DatasetSummary } from './dataset'
import { Evaluation } from './evaluation'
import { ModelSummary } from './model'
import { Note } from './note'
import { Step } from './technique'
import { Verification } from './verification'

/** One node of the lineage tree. The teacher is the row without a parent. */
export const Variant = z.object({
  id: z.string(),
  studyId: z.string(),
  name: z.string(),
  parentId: z.string().nullable(),
  /** Hash of the model file. */
  model: z.string(),
  /** Without `layers`, which are fetched for one variant at a time. */
  summary: ModelSummary.omit({ layers: true }),
  step: Step.nullable(),
  seed: z.number().int(),
  plan: z.object({ digest: z.string(), notes: z.array(Note) }).nullable(),
  verification: Verification.nullable(),
  evaluation: Evaluation.omit({ perClass: true, confusion: true }).nullable(),
  /** Rows of the newest benchmark this variant took part in. */
  benchmark: z
    .object({
      rows: z.array(BenchmarkRow),
      ratios: z.array(LatencyRatio),
      generation: Generation.optional(),
      at: z.string(),
    })
    .nullable(),
  createdAt: z.string(),
})
export type Variant = z.infer<typeof Variant>

export const DatasetRecord = DatasetSummary.extend({ id: z.string(), studyId: z.string(), name: z.string() })
export type DatasetRecord = z.infer<typeof DatasetRecord>

export const StudyHead = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  variants: z.number(),
})
export type StudyHead = z.infer<typeof StudyHead>

export const Study = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  variants: z.array(Variant),
  datasets: z.array(DatasetRecord),
})
export type Study = z.infer<typeof Study>
