/** Mixed precision: the fastest or smallest static int8 model that loses no more than was allowed. */
import type { Note, Plan } from '../../../shared/domain'
import type { QuantizeSearch } from '../../../shared/quantize'
import type { TaskContext } from '../../jobs/context'
import type { PlanInput, SampleSet, Technique } from '../../technique'
import { adviseStatic } from '../advice'
import { StaticOptions } from '../static/options'
import { needsCalibration } from '../static/plan'
import { staticInt8 } from '../static-int8'
import { resultNotes } from './notes'
import { MixedOptions } from './options'
import { runSearch } from './run'

export const mixedPrecision: Technique<typeof MixedOptions> = {
  id: 'quantize.mixed',
  title: 'Mixed precision',
  summary:
    'Says what may be lost, and gets the fastest or smallest static int8 model within it: layers that break in 8 bits are found by measuring and kept in float or in 16 bits.',
  reference:
    'Dong et al., HAWQ: Hessian AWare Quantization of Neural Networks with Mixed-Precision, ICCV 2019 (arXiv:1905.03696), with losses that are measured',
  needs: 'calibration',
  options: MixedOptions,
  advise(about, options) {
    const advice = adviseStatic(about, StaticOptions.parse(options))
    const message = `The search takes up to ${options.minutes} minutes; with layers left in float the result is larger and slower than what is told here.`
    return { ...advice, notes: [...advice.notes, { code: 'search', severity: 'info', message }] }
  },
  plan: planMixed,
  apply: (model, plan) => staticInt8.apply(model, plan),
}

/** Searches. Throws as `planStatic`, and what running the model throws. */
async function planMixed(input: PlanInput, options: MixedOptions, context: TaskContext): Promise<Plan> {
  if (!input.calibration) throw needsCalibration('The search for mixed precision')
  const calibration: SampleSet = input.calibration
  const { plan, search, labels } = await runSearch({ ...input, calibration }, options, context)
  const notes: Note[] = [...resultNotes(search, labels, options), ...plan.notes]
  return {
    technique: 'quantize.mixed',
    version: 1,
    seed: input.seed,
    options: { ...options },
    decisions: { ...plan.decisions, search: search satisfies QuantizeSearch },
    notes,
  }
}
