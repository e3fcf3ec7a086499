/**
 * One definition per technique. Form, command-line flags, recipe schema, validation and reference page are made
 * from `options` (a zod schema with defaults and `.meta({ title, description })` on every field).
 */
import type { z } from 'zod'
import type { Advice, Device, Hardware, ModelSummary, Plan, Recipe, Step } from '../shared/domain'
import type { TrainingRecord } from '../shared/training'
import type { Dataset } from './data/dataset'
import type { TaskContext } from './jobs/context'
import type { Model } from './onnx/model'
import type { StatisticsStore } from './quantize/calibrate/statistics'

/** Samples of a dataset. */
export interface SampleSet {
  dataset: Dataset
  indices: Uint32Array
}

/** A model file that options refer to: a student, a further teacher. */
export interface ModelFile {
  path: string
  hash: string
}

/** What techniques that learn are given besides the model. */
export interface LearnInput {
  /** Samples to learn from, outside the test split. */
  training?: SampleSet | undefined
  /** Files of the models that options refer to, by the reference. */
  models?: Readonly<Record<string, ModelFile>>
  threads: number
  device: Device
}

export interface PlanInput extends Partial<LearnInput> {
  model: Model
  /** Samples for calibration, already outside the test split. Absent when the technique needs none. */
  calibration?: SampleSet | undefined
  /** Where what is known of activations is kept between plans, so that another calibration runs no model. */
  statistics?: StatisticsStore | undefined
  seed: number
  threads: number
}

export interface ApplyInput extends LearnInput {
  context: TaskContext
  /** Called once, with how the training went. */
  record(record: TrainingRecord): void
}

export interface Technique<Schema extends z.ZodType = z.ZodType> {
  /** `quantize.static-int8`; the last part is the command line's `--method`. */
  id: string
  title: string
  summary: string
  /** Paper, specification or document the method comes from. */
  reference: string
  /** Whatever the options. Options that alone need data say so in the schema: shared/needs.ts. */
  needs: 'nothing' | 'calibration' | 'labels'
  options: Schema
  /** What to expect, from the summary alone (no ONNX Runtime): called while a person edits the options. */
  advise(about: { model: ModelSummary; hardware: Hardware }, options: z.output<Schema>): Advice
  /** Decides; changes nothing. */
  plan(input: PlanInput, options: z.output<Schema>, context: TaskContext): Promise<Plan>
  /**
   * True when, with these options, the result is another function than the parent: it is trained, or its statistics are
   * taken anew, so that applying takes long, needs the data and is not expected to agree with the parent.
   */
  learns?(options: z.output<Schema>): boolean
  /**
   * The result may be far from the parent's answers, and is kept to be repaired: how far is told as a warning, not
   * refused.
   */
  lossy?: true
  /**
   * Makes the changed model from the plan, and the data where the technique learns. Deterministic: the same plan (and
   * data, device and number of threads) gives the same bytes.
   */
  apply(model: Model, plan: Plan, run?: ApplyInput): Promise<Model>
}

/** Whether a technique learns with these options; false where they are none of its own. */
export function learnsWith(technique: Technique, options: unknown): boolean {
  if (!technique.learns) return false
  const parsed = technique.options.safeParse(options)
  return parsed.success && technique.learns(parsed.data)
}

export type { Recipe, Step }
