/** From the form to options, and from options to the jobs that are started. */
import type { FeatureLoss } from '../../../shared/training'
import type { Student } from './student'
import { studentText } from './student'

/** What the dialog asks beside the options of training itself. */
export interface DistillForm {
  student: Student
  init: 'teacher' | 'random'
  loss: ResponseKind
  temperature: number
  labelWeight: number
  features: readonly FeatureLoss[]
}

export const RESPONSES = ['kd', 'dkd', 'logits-mse', 'none'] as const
export type ResponseKind = (typeof RESPONSES)[number]

/** Options that the dialog has own places for; the rest is made from the schema. */
export const OWN_OPTIONS: readonly string[] = [
  'student',
  'init',
  'loss',
  'temperature',
  'labelWeight',
  'features',
  'teachers',
]

/** Shown at once; the others are under Advanced. */
export const MAIN_OPTIONS: readonly string[] = [
  'loss',
  'epochs',
  'batch',
  'learningRate',
  'optimizer',
  'schedule',
  'augment',
  'validation',
  'patience',
]

/** Whether the loss softens answers by a temperature. */
export function hasTemperature(loss: ResponseKind): boolean {
  return loss === 'kd' || loss === 'dkd'
}

/** Why the weight of the labels cannot be chosen; null where it can. */
export function labelWeightFixed(labels: boolean, loss: ResponseKind): string | null {
  if (!labels) return 'The data has no labels: the student learns from the teacher alone.'
  return loss === 'none' ? 'Without a distillation loss the labels are all there is to learn from.' : null
}

/** Options of `distill.student`. `null` where no student is chosen. */
export function distillOptions(
  form: DistillForm,
  training: Readonly<Record<string, unknown>>,
  labels: boolean,
): Record<string, unknown> | null {
  const student = studentText(form.student)
  if (student === null) return null
  return {
    ...training,
    student,
    // A model brings its own weights.
    ...(form.student.kind === 'shape' ? { init: form.init } : {}),
    loss: form.loss,
    temperature: form.temperature,
    labelWeight: !labels ? 0 : form.loss === 'none' ? 1 : form.labelWeight,
    features: [...form.features],
  }
}

/** The same student trained without its teacher: what distillation has to beat. */
export function controlOptions(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...options, loss: 'none', labelWeight: 1, features: [], teachers: [] }
}

/** Why no control can be trained; null where it can. */
export function controlProblem(labels: boolean, form: Pick<DistillForm, 'loss' | 'features'>): string | null {
  if (!labels) return 'Needs labels: without a teacher there is nothing else to learn from.'
  return form.loss === 'none' && form.features.length === 0
    ? 'This student already learns from labels alone.'
    : null
}

export const CONTROL_SUFFIX = ' without teacher'
export const MOST_SEEDS = 5

export interface PlannedJob {
  name: string
  seed: number
  options: Record<string, unknown>
}

interface PlanInput {
  name: string
  seed: number
  /** Seeds from `seed` on, 1 to 5. */
  repeats: number
  options: Record<string, unknown>
  /** Options of the control; null for none. */
  control: Record<string, unknown> | null
}

/** Jobs in the order they run: for each seed the run and its control, so that pairs are there early. */
export function plannedJobs({ name, seed, repeats, options, control }: PlanInput): PlannedJob[] {
  const count = Math.min(MOST_SEEDS, Math.max(1, Math.round(repeats)))
  return Array.from({ length: count }, (_, i) => seed + i).flatMap(own => {
    const suffix = count > 1 ? `, seed ${own}` : ''
    const run = { name: `${name}${suffix}`, seed: own, options }
    return control ? [run, { name: `${name}${CONTROL_SUFFIX}${suffix}`, seed: own, options: control }] : [run]
  })
}

/** Whether the study's data has labels to learn from: that of the newest dataset, which trainings use. */
export function hasLabels(datasets: readonly { task: string }[]): boolean {
  const task = datasets.at(-1)?.task
  return task !== undefined && task !== 'none'
}
