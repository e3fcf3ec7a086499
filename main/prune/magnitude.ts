/**
 * Magnitude pruning (Han et al. 2015, "Learning both Weights and Connections for Efficient Neural Networks", arXiv
 * 1506.02626) of single weights, in every layer the same share or the smallest of all; with Wanda's score (arXiv
 * 2306.11695) per output. In rounds by the cubic schedule of Zhu and Gupta 2017, "To prune, or not to prune", arXiv
 * 1710.01878: s(t) = s·(1 − (1 − t/n)³).
 */
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { PruneMagnitudeOptions } from '../../shared/prune'
import type { TrainingRecord } from '../../shared/training'
import { breathe, type TaskContext, within } from '../jobs/context'
import type { Model } from '../onnx/model'
import type { ApplyInput, PlanInput, Technique } from '../technique'
import { adviseSparse } from './advice-sparse'
import { keepRound, keptRound } from './kept-rounds'
import { kthSmallest, lowestMask, lowestMaskByOutput, scoresOf } from './mask'
import { type Norms, scoreNorms } from './norms'
import { learnsBack, recover, trainsBack } from './recover'
import { roundRuns } from './rounds'
import {
  heldMasks,
  type MaskRule,
  planMasks,
  plannedWeight,
  readWeight,
  SparseDecisions,
  sparsePlan,
  withMasks,
} from './sparse'
import { type FoundWeights, findWeights } from './weights'

export const pruneMagnitude: Technique<typeof PruneMagnitudeOptions> = {
  id: 'prune.magnitude',
  title: 'Prune single weights',
  summary:
    'The least important weights become zero, wherever they are: smaller when compressed, and for engines that skip zeros. Not faster on ONNX Runtime.',
  reference:
    'Han et al., Learning both Weights and Connections, 2015 (arXiv:1506.02626); Sun et al., Wanda, 2023 (arXiv:2306.11695)',
  needs: 'nothing',
  options: PruneMagnitudeOptions,
  lossy: true,
  advise: adviseSparse,
  learns: learnsBack,
  plan: planMagnitude,
  apply: applyMagnitude,
}

async function applyMagnitude(model: Model, plan: Plan, run: ApplyInput | undefined): Promise<Model> {
  const options = PruneMagnitudeOptions.parse(plan.options)
  const decisions = SparseDecisions.parse(plan.decisions)
  const found = await findWeights(model, options.exclude)
  const rounds = learnsBack(options) ? options.steps : 1
  const runs = run && roundRuns(run, rounds)
  const keepDir = rounds > 1 && trainsBack(options) ? run?.context.keepDir : undefined
  const rule = ruleOf(options)
  let current = found.model
  for (let round = 1; round <= rounds; round++) {
    const told = runs?.(round - 1)
    if (run) await breathe(run.context)
    const kept = keepDir === undefined ? undefined : await keptRound(keepDir, plan, round)
    if (kept) {
      if (kept.record) told?.record(kept.record)
      current = kept.model
      continue
    }
    const masks = planMasks(rule, current, found, decisions, cubic(round / rounds))
    let record: TrainingRecord | null = null
    const own: ApplyInput | undefined = told && {
      ...told,
      record(of) {
        record = of
        told.record(of)
      },
    }
    current = await recover({
      technique: plan.technique,
      pruned: withMasks(current, masks),
      original: model,
      ...{ options, decisions: plan.decisions, seed: plan.seed, run: own },
      hold: heldMasks(current, masks),
    })
    if (keepDir === undefined || round === rounds) continue
    await keepRound(keepDir, plan, round, { model: current, record })
    // The next round begins with the same bytes, whether it is reached at once or after an interruption.
    current = (await keptRound(keepDir, plan, round))?.model ?? current
  }
  return current
}

/** Share of the final zeros at a share of the rounds. */
export function cubic(share: number): number {
  return 1 - (1 - share) ** 3
}

/** Wanda compares within each output; across layers and in magnitude all weights of a layer are compared. */
function ruleOf({ score, scope }: PruneMagnitudeOptions): MaskRule {
  return score === 'wanda' && scope === 'layer'
    ? lowestMaskByOutput
    : (_, scores, zeros) => lowestMask(scores, zeros)
}

async function planMagnitude(
  input: PlanInput,
  options: PruneMagnitudeOptions,
  context: TaskContext,
): Promise<Plan> {
  context.progress(0, 'Finding weights')
  const found = await findWeights(input.model, options.exclude)
  const measured = await scoreNorms(options, input, found, within(context, 0, 0.5))
  const zeros = await zerosByWeight(measured, options, within(context, 0.5, 0.7))
  const rule = ruleOf(options)
  const { norms } = measured
  const weights = measured.found.weights.map(weight =>
    plannedWeight(rule, found.model, weight, zeros.get(weight.name) ?? 0, norms.get(weight.name)),
  )
  if (weights.every(weight => weight.zeros === 0)) throw nothingGoes(options)
  const { samples, declined } = measured
  return sparsePlan(
    {
      ...{ technique: pruneMagnitude.id, input, options, found: measured.found, weights, rule },
      ...{ declined, samples, notes: roundNotes(options) },
    },
    context,
  )
}

function nothingGoes({ amount }: PruneMagnitudeOptions): BantamError {
  return new BantamError('bad-option', 'With that amount every weight stays.', {
    where: 'amount',
    action: `Ask for more than ${amount}.`,
  })
}

/** How many weights of each layer go. */
async function zerosByWeight(
  { found: { model, weights }, norms }: Norms & { found: FoundWeights },
  { amount, scope }: PruneMagnitudeOptions,
  context: TaskContext,
): Promise<Map<string, number>> {
  const counts = weights.map(weight => weight.dims.reduce((all, d) => all * d, 1))
  if (scope === 'layer')
    return new Map(weights.map(({ name }, i) => [name, Math.round(amount * (counts[i] ?? 0))]))
  const wanted = Math.round(amount * counts.reduce((sum, count) => sum + count, 0))
  if (wanted === 0) return new Map()
  await breathe(context)
  const layers = {
    *[Symbol.iterator]() {
      for (const weight of weights)
        yield scoresOf(weight, readWeight(model, weight.name), norms.get(weight.name))
    },
  }
  const { value, below } = kthSmallest(layers, wanted)
  let ties = wanted - below
  const zeros = new Map<string, number>()
  let at = 0
  for (const scores of layers) {
    let own = 0
    for (const score of scores) if (score < value || (score === value && ties-- > 0)) own++
    zeros.set(weights[at++]?.name ?? '', own)
  }
  return zeros
}

function roundNotes(options: PruneMagnitudeOptions): Note[] {
  if (options.steps === 1 || learnsBack(options)) return []
  const message = 'Rounds make a difference only where the model recovers between them: this is done in one.'
  return [{ code: 'rounds-need-recovery', severity: 'warning', message, action: 'Set recovery epochs.' }]
}
