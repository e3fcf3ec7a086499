/**
 * N:M sparsity: N of every M weights along the axis that is summed over stay (Mishra et al. 2021, "Accelerating Sparse
 * Deep Neural Networks", arXiv 2104.08378). For convolutions these are input channels, at every tap of the kernel: the
 * pattern that sparse tensor cores and TensorRT take.
 */
import type { Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { type PruneDeclined, PruneNMOptions } from '../../shared/prune'
import { type TaskContext, within } from '../jobs/context'
import type { Model } from '../onnx/model'
import { nodeLabel } from '../quantize/names'
import type { PlanInput, Technique } from '../technique'
import { adviseSparse } from './advice-sparse'
import { patternMask } from './mask'
import { scoreNorms } from './norms'
import { learnsBack, recover } from './recover'
import {
  heldMasks,
  type MaskRule,
  planMasks,
  plannedWeight,
  SparseDecisions,
  sparsePlan,
  withMasks,
} from './sparse'
import { type FoundWeights, findWeights } from './weights'

export const pruneNM: Technique<typeof PruneNMOptions> = {
  id: 'prune.n-m',
  title: 'Prune N of M weights',
  summary:
    'Of every M weights that are summed up N stay, such as 2 of 4: the pattern that sparse tensor cores compute twice as fast. Not faster on ONNX Runtime.',
  reference: 'Mishra et al., Accelerating Sparse Deep Neural Networks, 2021 (arXiv:2104.08378)',
  needs: 'nothing',
  options: PruneNMOptions,
  lossy: true,
  advise: ({ model, hardware }, options) =>
    adviseSparse({ model, hardware }, { ...options, amount: Math.max(0, 1 - options.n / options.m) }),
  learns: learnsBack,
  plan: planPattern,
  async apply(model, plan, run): Promise<Model> {
    const options = PruneNMOptions.parse(plan.options)
    const decisions = SparseDecisions.parse(plan.decisions)
    const found = await findWeights(model, options.exclude)
    const masks = planMasks(ruleOf(options), found.model, found, decisions)
    return recover({
      technique: plan.technique,
      pruned: withMasks(found.model, masks),
      original: model,
      options,
      decisions: plan.decisions,
      seed: plan.seed,
      run,
      hold: heldMasks(found.model, masks),
    })
  },
}

function ruleOf({ n, m }: PruneNMOptions): MaskRule {
  return (weight, scores) => patternMask(weight, scores, n, m)
}

async function planPattern(input: PlanInput, options: PruneNMOptions, context: TaskContext): Promise<Plan> {
  const { n, m } = options
  if (n >= m)
    throw new BantamError('bad-option', `${n} of ${m} weights cannot stay: N must be less than M.`, {
      where: 'n',
      action: `Choose N from 1 to ${m - 1}.`,
    })
  context.progress(0, 'Finding weights')
  const found = await findWeights(input.model, options.exclude)
  const { divisible, declined } = divide(found, options)
  const measured = await scoreNorms(options, input, divisible, within(context, 0, 0.6))
  const rule = ruleOf(options)
  const { norms, samples } = measured
  const weights = measured.found.weights.map(weight =>
    plannedWeight(rule, found.model, weight, 0, norms.get(weight.name)),
  )
  return sparsePlan(
    {
      ...{ technique: pruneNM.id, input, options, found: measured.found, weights, rule, samples },
      ...{ declined: [...declined, ...measured.declined], notes: [] },
    },
    context,
  )
}

/** Weights whose inputs come in whole M. Throws `unsupported` where there are none. */
function divide(
  found: FoundWeights,
  { m }: PruneNMOptions,
): { divisible: FoundWeights; declined: PruneDeclined[] } {
  const inputs = ({ dims, input }: FoundWeights['weights'][number]) => dims[input] ?? 1
  const weights = found.weights.filter(weight => inputs(weight) % m === 0)
  const declined = found.weights
    .filter(weight => inputs(weight) % m !== 0)
    .map(weight => ({
      id: weight.name,
      reason: `its ${inputs(weight)} input${inputs(weight) === 1 ? '' : 's'} cannot be divided by ${m}`,
      ...(weight.nodes[0] ? { node: nodeLabel(weight.nodes[0]) } : {}),
    }))
  if (weights.length > 0) return { divisible: { ...found, weights }, declined }
  throw new BantamError('unsupported', `No layer has inputs that can be divided by ${m}.`, {
    where: 'm',
    action: 'Choose a smaller M.',
  })
}
