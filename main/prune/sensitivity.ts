/**
 * How much each part of a model matters, measured rather than guessed: this part alone is made smaller, and the model run
 * on samples. After Li et al. 2017, "Pruning Filters for Efficient ConvNets" (arXiv 1608.08710), section 3.2.
 */
import { BantamError } from '../../shared/errors'
import type { Importance, PruneDeclined, PruneSensitivity, SensitivityCurve } from '../../shared/prune'
import { breathe, type TaskContext, within } from '../jobs/context'
import { Runner } from '../measure/answers'
import { type Judge, judgeBy } from '../measure/judge'
import type { Model } from '../onnx/model'
import { findStructure, type Structure } from '../structure/groups'
import type { SampleSet } from '../technique'
import { requireSamples } from './importance/runs'
import { type Scores, scoreChannels } from './importance/score'
import { blockParts, chosenGroups, groupParts, type Part } from './sensitivity/parts'

export interface SensitivityRequest {
  model: Model
  /** Ids of the groups to measure. All that may be reduced, and all blocks that may go, without; blocks alone when empty. */
  groups?: readonly string[] | undefined
  /** Shares of the channels that stay; 1 and more are passed over. */
  keeps: readonly number[]
  /** Which channels stay. */
  importance: Importance
  /** Already drawn: all of them are used. */
  samples: SampleSet
  seed: number
  threads: number
}

interface Work {
  runner: Runner
  judge: Judge
}

/**
 * Measures the model with less of each part, next to the whole model on the same samples (measure/judge.ts says by
 * which metric and interval). Of groups the most important channels stay, at least one, and two where something depends
 * on their number; of stages each block that may go goes alone: its curve, named after the block's node, has one point.
 * A group that the importance knows nothing of, or whose variant does not run, is among the declined with the reason.
 * Deterministic for a number of threads, but for `seconds`.
 *
 * Throws `bad-data` without samples, `bad-option` for a group that is not there or may not be reduced, or no share below 1;
 * `unsupported` when nothing can be reduced; `cancelled` between runs; and what running and scoring throw.
 */
export async function measureSensitivity(
  request: SensitivityRequest,
  context: TaskContext,
): Promise<PruneSensitivity> {
  const start = performance.now()
  const { importance, threads, seed, groups: wanted } = request
  const samples = requireSamples(request.samples, importance)
  context.progress(0, 'Finding what can be reduced')
  const structure = await findStructure(request.model)
  const { groups, declined } = chosenGroups(structure, request)
  const blocks = wanted === undefined || wanted.length === 0 ? await blockParts(structure) : []
  if (groups.length === 0 && blocks.length === 0 && wanted?.length !== 0) throw nothing(structure)
  const { runner, whole } = await Runner.open(structure.model, samples, threads, within(context, 0.01, 0.04))
  const work: Work = { runner, judge: judgeBy(whole, samples) }
  const scored = await scoresOf(
    { structure, groups, importance, samples, seed, threads },
    within(context, 0.04, 0.1),
  )
  const parts = [...(await groupParts(structure, groups, scored.scores, request.keeps)), ...blocks]
  const { curves, failed } = await measureAll(work, parts, within(context, 0.1, 1))
  return {
    metric: work.judge.metric,
    reference: work.judge.reference,
    samples: samples.indices.length,
    importance,
    curves,
    declined: [...declined, ...scored.declined, ...failed],
    seconds: (performance.now() - start) / 1000,
  }
}

function nothing({ groups }: Structure): BantamError {
  const reasons = groups.flatMap(({ id, declined: [reason] }) => (reason ? [`${id}: ${reason.message}`] : []))
  return new BantamError(
    'unsupported',
    ['Nothing of the network can be reduced.', ...reasons.slice(0, 3)].join(' '),
    {
      action: 'Prune single weights instead, or factorize its layers.',
    },
  )
}

type ScoringRequest = Parameters<typeof scoreChannels>[0]

/** Scores of all groups that the importance can score; it names those that it cannot one at a time. */
async function scoresOf(
  request: ScoringRequest,
  context: TaskContext,
): Promise<{ scores: Scores; declined: PruneDeclined[] }> {
  const declined: PruneDeclined[] = []
  let { groups } = request
  for (;;) {
    try {
      return { scores: await scoreChannels({ ...request, groups }, context), declined }
    } catch (error) {
      const id = error instanceof BantamError && error.code === 'unsupported' ? error.where : undefined
      const left = groups.filter(group => group.id !== id)
      if (!(error instanceof BantamError) || id === undefined || left.length === groups.length) throw error
      declined.push({ id, reason: error.message })
      groups = left
    }
  }
}

async function measureAll(
  { runner, judge }: Work,
  parts: readonly Part[],
  context: TaskContext,
): Promise<{ curves: SensitivityCurve[]; failed: PruneDeclined[] }> {
  const total = parts.reduce((sum, part) => sum + part.trials.length, 0)
  const curves: SensitivityCurve[] = []
  const failed: PruneDeclined[] = []
  let done = 0
  for (const { curve, trials } of parts) {
    const points: SensitivityCurve['points'] = []
    try {
      for (const { what, make, keep, to } of trials) {
        await breathe(context)
        context.progress(done / total, `Measuring ${what}`)
        const answers = await runner.run(await make(), { ...context, progress: () => undefined })
        points.push({ keep, to, ...judge.judge(answers) })
        done++
      }
      curves.push({ ...curve, points })
    } catch (error) {
      // What ONNX Runtime refuses to run.
      if (!(error instanceof BantamError) || error.code !== 'bad-model') throw error
      done += trials.length - points.length
      failed.push({ id: curve.id, reason: `With less of it the model does not run: ${error.message}` })
    }
  }
  context.progress(1, 'Measured')
  return { curves, failed }
}
