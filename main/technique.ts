/**
 * One definition per technique. Form, command-line flags, recipe schema, validation and reference page are made
 * from `options` (a zod schema with defaults and `.meta({ title, description })` on every field).
 */
import type { z } from 'zod'
import type { Advice, Hardware, ModelSummary, Plan, Recipe, Step } from '../shared/domain'
import type { Dataset } from './data/dataset'
import type { TaskContext } from './jobs/context'
import type { Model } from './onnx/model'

export interface PlanInput {
  model: Model
  /** Samples for calibration, already outside the test split. Absent when the technique needs none. */
  calibration?: { dataset: Dataset; indices: Uint32Array } | undefined
  seed: number
  threads: number
}

export interface Technique<Schema extends z.ZodType = z.ZodType> {
  /** `quantize.static-int8`; the last part is the command line's `--method`. */
  id: string
  title: string
  summary: string
  /** Paper, specification or document the method comes from. */
  reference: string
  needs: 'nothing' | 'calibration' | 'labels'
  options: Schema
  /** What to expect, from the summary alone (no ONNX Runtime): called while a person edits the options. */
  advise(about: { model: ModelSummary; hardware: Hardware }, options: z.output<Schema>): Advice
  /** Decides; changes nothing. */
  plan(input: PlanInput, options: z.output<Schema>, context: TaskContext): Promise<Plan>
  /** Makes the changed model from the plan alone. Deterministic: the same plan gives the same bytes. */
  apply(model: Model, plan: Plan): Promise<Model>
}

export type { Recipe, Step }
