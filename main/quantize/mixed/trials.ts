/** Trials of a search: the whole model made for an assignment of precisions, and measured. */
import { join } from 'node:path'
import type { Plan } from '../../../shared/domain'
import type { SearchTrial } from '../../../shared/quantize'
import type { TaskContext } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import { writeModel } from '../../onnx/write'
import type { PlanInput } from '../../technique'
import { StaticDecisions, type StaticOptions } from '../static/options'
import { planStatic } from '../static/plan'
import { staticInt8 } from '../static-int8'
import type { Worth } from '../worth'
import type { Clock } from './clock'
import { int8Share } from './layers'
import { relativeNoise } from './noises'
import type { Assignment, Found } from './search'

export interface Circumstances {
  input: PlanInput
  options: StaticOptions
  worth: Worth
  /** What may be lost of the metric. */
  allowed: number
  macs: ReadonlyMap<string, number>
  clock: Clock
}

/** A trial as it is told, and the plan it was made by. */
export interface Kept {
  trial: SearchTrial
  plan: Plan
}

/** Room for the rounding of differences. */
const TOLERANCE = 1e-9

/** The plan of an assignment. Throws as `planStatic`. */
export function planOf(
  { input, options }: Pick<Circumstances, 'input' | 'options'>,
  { settings, float, wide }: Assignment,
  context: TaskContext,
): Promise<Plan> {
  const overrides = [...wide].map(node => ({ node, activations: 'int16' as const }))
  return planStatic(
    input,
    {
      ...options,
      ...settings,
      exclude: [...options.exclude, ...float],
      overrides: [...options.overrides, ...overrides],
    },
    context,
  )
}

/** Makes and measures; the latency only where what it loses is allowed. Throws as planning, writing and running. */
export async function tryOut(
  circumstances: Circumstances,
  assignment: Assignment,
  context: TaskContext,
): Promise<Found & Kept> {
  const start = performance.now()
  const { input, worth, allowed, macs, clock } = circumstances
  const plan = await planOf(circumstances, assignment, context)
  const model: Model = await staticInt8.apply(input.model, plan)
  const { value, drop, sqnr } = await worth.of(model, context)
  const file = join(context.tempDir, 'trial.onnx')
  const { sizeBytes } = await writeModel(model, file)
  const within = drop.value <= allowed + TOLERANCE
  const latency = within ? await clock.compare(file) : null
  const { settings, float, wide } = assignment
  return {
    drop: drop.value,
    allowed: within,
    noise: relativeNoise(sqnr),
    bytes: sizeBytes,
    latency,
    plan,
    trial: {
      float: [...float],
      wide: [...wide],
      settings: { ...settings },
      value,
      drop,
      milliseconds: latency && clock.milliseconds * latency.ratio,
      sizeBytes,
      macs: int8Share(macs, StaticDecisions.parse(plan.decisions)),
      allowed: within,
      seconds: (performance.now() - start) / 1000,
    },
  }
}
