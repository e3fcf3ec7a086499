/** Sets a search up, runs it, and tells how it went. */
import type { Plan } from '../../../shared/domain'
import { CALIBRATIONS, type QuantizeSearch } from '../../../shared/quantize'
import { breathe, type TaskContext } from '../../jobs/context'
import { hardware } from '../../measure/hardware'
import type { Model } from '../../onnx/model'
import { drawSamples } from '../../prune/draw'
import type { PlanInput, SampleSet } from '../../technique'
import { saturates } from '../advice'
import { memoryStore } from '../calibrate/statistics'
import { remembered } from '../calibrate/statistics-remembered'
import { preparedForStatic } from '../prepare'
import { measuredSamples } from '../sensitivity/samples'
import { StaticDecisions, StaticOptions } from '../static/options'
import { staticInt8 } from '../static-int8'
import { Worth } from '../worth'
import { Budget } from './budget'
import { Clock } from './clock'
import { Known } from './known'
import { layersOf, macShares } from './layers'
import { noisesAlone } from './noises'
import { stageOf } from './notes'
import type { MixedOptions } from './options'
import { type Assignment, type Settings, searchMixed } from './search'
import { type Circumstances, planOf, tryOut } from './trials'

type Input = PlanInput & { calibration: SampleSet }

/** Layers alone are measured on so many samples: by noise, which few tell. */
const ALONE = 128
/** Statistics kept: of the model as it is, equalized, and for other numbers of bins. */
const STORED = 8
const DENSE = new Set(['MatMul', 'Gemm'])
const NONE: Assignment = { settings: {}, float: new Set(), wide: new Set() }

/**
 * Throws as planning and running. The plan is that of `search.trials[search.best]`; `labels`: what people know the layers
 * by, by id.
 */
export async function runSearch(
  given: Input,
  options: MixedOptions,
  context: TaskContext,
): Promise<{ plan: Plan; search: QuantizeSearch; labels: ReadonlyMap<string, string> }> {
  const { loseAtMost, goal, minutes, judged, repair, ...rest } = options
  const { statistics: store } = given
  const statistics = store ? remembered(store, STORED) : memoryStore(STORED)
  const input: Input = { ...given, statistics }
  const budget = new Budget(minutes, context)
  // Own progress would jump back and forth with every trial.
  const quiet: TaskContext = { ...context, progress: () => undefined }
  context.progress(0, 'Running the original')
  const wanted = measuredSamples(input.calibration, options.samples, judged)
  const samples = await affordable(input, wanted, budget, quiet)
  const worth = await Worth.open(input.model, samples, input.threads, quiet)
  const allowed = mayBeLost(worth, loseAtMost)
  const { model } = await preparedForStatic(input.model)
  const base = { input, options: StaticOptions.parse(rest), worth, allowed, macs: await macShares(model) }
  const first = await planOf(base, NONE, quiet)
  const decisions = StaticDecisions.parse(first.decisions)
  context.progress(0.02, 'Timing the layers')
  const layers = await layersOf(model, await staticInt8.apply(input.model, first), decisions, quiet)
  const clock = await Clock.open(input.model, context)
  try {
    const circumstances: Circumstances = { ...base, clock }
    const labels = new Map(layers.map(({ id, label }) => [id, label]))
    const known = new Known({
      metric: worth.metric,
      reference: worth.reference,
      allowed,
      samples: samples.indices.length,
      goal,
      minutes,
      endsAt: budget.endsAt,
      labels: Object.fromEntries(labels),
    })
    context.search?.(known.soFar(null))
    const { best, ended } = await searchMixed({
      layers,
      repairs: repair ? await repairs(model, base.options) : [],
      goal,
      over: () => budget.over(),
      measure: async assignment => {
        await breathe(context)
        const { plan, trial, ...found } = await budget.trial(tryOut(circumstances, assignment, quiet))
        known.keep(assignment, { plan, trial })
        return found
      },
      tried: best => {
        const search = known.soFar(best)
        context.search?.(search)
        context.progress(budget.share(), stageOf(search))
      },
      noises: settings =>
        noisesAlone(
          { ...input, options: { ...base.options, ...settings } },
          { dataset: samples.dataset, indices: samples.indices.subarray(0, ALONE) },
          () => budget.over(),
          { ...context, progress: (_, stage) => context.progress(budget.share(), stage) },
        ),
    })
    const { plan, search, live } = known.over(best, ended)
    context.search?.(live)
    return { plan, labels, search }
  } finally {
    await clock.close()
  }
}

/** Trials that there should be time for, were each nothing but running the samples, and the fewest samples of one. */
const TRIALS = 30
const FEWEST = 128
/** Next to so few they tell how long one takes. */
const TIMED = 32

/** As many of the samples as leave time for enough trials. */
async function affordable(
  { model, threads }: Input,
  { dataset, indices }: SampleSet,
  budget: Budget,
  context: TaskContext,
): Promise<SampleSet> {
  if (indices.length <= FEWEST) return { dataset, indices }
  const timed = async (count: number) => {
    const worth = await Worth.open(model, { dataset, indices: indices.subarray(0, count) }, threads, context)
    const start = performance.now()
    await worth.of(model, context)
    return performance.now() - start
  }
  // What does not depend on their number, opening a session, falls out of the difference.
  const each = Math.max(0, (await timed(FEWEST)) - (await timed(TIMED))) / (FEWEST - TIMED)
  const count = Math.max(FEWEST, Math.floor(budget.total / TRIALS / Math.max(1e-6, each)))
  // Some from everywhere: they are in rising order.
  return count >= indices.length ? { dataset, indices } : drawSamples({ dataset, indices }, count, 0)
}

/** In the unit of the metric. */
function mayBeLost({ metric, reference }: Worth, per: number): number {
  return metric === 'rmse' ? (reference * per) / 100 : per / 100
}

/** Other ways to choose scales that leave everything in 8 bits, those that most often help first. */
async function repairs({ graph }: Model, options: StaticOptions): Promise<Settings[]> {
  const list: Settings[] = []
  if (options.format === 'U8S8' && !options.reduceRange && saturates(await hardware()))
    list.push({ reduceRange: true })
  if (!options.equalize) list.push({ equalize: true })
  for (const calibration of [...CALIBRATIONS].reverse())
    if (calibration !== options.calibration) list.push({ calibration })
  if (options.weightRange === 'minmax') list.push({ weightRange: 'mse' })
  if (options.smooth === 'none' && graph.nodes.some(node => DENSE.has(node.opType)))
    list.push({ smooth: 'alpha' })
  if (options.biasCorrection === 'none') list.push({ biasCorrection: 'samples' })
  return list
}
