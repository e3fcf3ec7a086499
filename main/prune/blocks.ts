/** Depth: whole repeated blocks are taken out, and what read their results reads what they were given. */
import { z } from 'zod'
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { PruneBlocksOptions, type PruneCost, PruneDecisions } from '../../shared/prune'
import { breathe, type TaskContext, within } from '../jobs/context'
import type { Model } from '../onnx/model'
import { namePattern } from '../onnx/name-pattern'
import { counted } from '../onnx/passes/pass'
import { tensorByteLength } from '../onnx/tensor'
import { type Block, dropBlocks, findStages, type Stage } from '../structure/blocks'
import { findStructure, type Structure } from '../structure/groups'
import { modelCosts } from '../structure/model-cost'
import type { PlanInput, SampleSet, Technique } from '../technique'
import { adviseBlocks } from './advice'
import { byScores, evenlyGone, influences, mostOf, randomScores, removable } from './blocks-rank'
import { drawSamples } from './draw'
import { type Ratio, searchLatency } from './latency'
import { decideRecovery, learnsBack, recover } from './recover'
import { measureSensitivity } from './sensitivity'
import { percent, requireReachable } from './targets'
import { nodeTimes } from './timings'

const BlockDecisions = PruneDecisions.extend({
  /** Values between which blocks lie, in order. */
  removed: z.array(z.object({ input: z.string(), output: z.string(), node: z.string() })).min(1),
  latency: z.object({ ratio: z.number(), low: z.number(), high: z.number() }).nullable(),
})

export const pruneBlocks: Technique<typeof PruneBlocksOptions> = {
  id: 'prune.blocks',
  title: 'Prune blocks',
  summary: 'Takes whole repeated blocks out of the network: less depth is less time on any machine.',
  reference:
    'Sanh et al., DistilBERT, 2019 (arXiv:1910.01108); Men et al., ShortGPT, 2024 (arXiv:2403.03853)',
  needs: 'nothing',
  options: PruneBlocksOptions,
  lossy: true,
  advise: adviseBlocks,
  learns: learnsBack,
  async plan(input, options, context): Promise<Plan> {
    context.progress(0, 'Finding repeated blocks')
    const structure = await findStructure(input.model)
    const stages = withoutExcluded(findStages(structure), options.exclude)
    if (mostOf(stages) === 0) throw noBlocks(stages)
    const samples = input.calibration && drawSamples(input.calibration, options.samples, input.seed)
    const work = { input, options, structure, stages, samples }
    const gone = await orderOf(work, within(context, 0.05, 0.5))
    const { blocks, latency, before, after } = await chosen(work, gone, within(context, 0.5, 0.85))
    const pruned = await dropBlocks(structure.model, blocks)
    const recovery = await decideRecovery(input, pruned, options)
    const usesSamples = options.importance === 'similarity' || options.importance === 'measured'
    const decisions: z.infer<typeof BlockDecisions> & Record<string, unknown> = {
      ...(usesSamples && samples ? { samples: samples.indices.length } : {}),
      ...recovery.decisions,
      changes: await changesOf(work, blocks, within(context, 0.85, 0.95)),
      declined: stages
        .flatMap(stage => stage.blocks)
        .filter(block => !block.removable)
        .map(block => ({
          id: block.node,
          reason: 'It changes the shape, or is left alone.',
          node: block.node,
        })),
      before,
      after,
      removed: blocks.map(({ input, output, node }) => ({ input, output, node })),
      latency,
    }
    const notes: Note[] = [
      {
        code: 'pruned',
        severity: 'info',
        message: `${counted(blocks.length, 'block')} of ${mostOf(stages)} that may go are taken out: ${percent(1 - after.macs / Math.max(1, before.macs))} of the multiply-accumulates and ${percent(1 - after.parameters / Math.max(1, before.parameters))} of the parameters go.`,
      },
      ...recovery.notes,
    ]
    return { technique: pruneBlocks.id, version: 1, seed: input.seed, options, decisions, notes }
  },
  async apply(model, plan, run): Promise<Model> {
    const options = PruneBlocksOptions.parse(plan.options)
    const { removed } = BlockDecisions.parse(plan.decisions)
    const structure = await findStructure(model)
    const pruned = await dropBlocks(
      structure.model,
      removed.map(block => ({ ...block, removable: true })),
    )
    return recover({
      technique: plan.technique,
      pruned,
      original: model,
      options,
      decisions: plan.decisions,
      seed: plan.seed,
      run,
    })
  },
}

interface Work {
  input: PlanInput
  options: PruneBlocksOptions
  structure: Structure
  stages: Stage[]
  samples: SampleSet | undefined
}

/** Which blocks go when so many do. */
async function orderOf(
  { input, options, structure, stages, samples }: Work,
  context: TaskContext,
): Promise<(count: number) => Block[]> {
  const { importance } = options
  if (importance === 'even') return evenlyGone(stages)
  if (importance === 'random') return byScores(stages, randomScores(stages, input.seed))
  if (!samples || samples.indices.length === 0)
    throw new BantamError('bad-data', `The importance ${importance} of blocks is measured on samples.`, {
      where: 'importance',
      action: 'Give data, or choose even.',
    })
  const { threads, seed } = input
  if (importance === 'similarity')
    return byScores(stages, await influences(structure, stages, { samples, threads }, context))
  const { curves } = await measureSensitivity(
    { model: input.model, groups: [], keeps: [], importance: 'l2', samples, seed, threads },
    context,
  )
  const drops = new Map(curves.map(curve => [curve.id, curve.points[0]?.drop.value ?? 0]))
  return byScores(
    stages,
    new Map(
      stages.flatMap(removable).map(block => [block, drops.get(block.node) ?? Number.POSITIVE_INFINITY]),
    ),
  )
}

interface Choice {
  blocks: Block[]
  latency: Ratio | null
  before: PruneCost
  after: PruneCost
}

async function chosen(
  { options, structure, stages }: Work,
  gone: (count: number) => Block[],
  context: TaskContext,
): Promise<Choice> {
  const { amount, target } = options
  const most = mostOf(stages)
  const made = new Map<number, Promise<{ model: Model; cost: PruneCost }>>()
  const shorter = (count: number) => {
    const known = made.get(count) ?? costed(structure.model, gone(count))
    made.set(count, known)
    return known
  }
  const before = (await shorter(0)).cost
  const finish = async (count: number, latency: Ratio | null): Promise<Choice> => {
    const { cost } = await shorter(count)
    return { blocks: gone(count), latency, before, after: cost }
  }
  if (target === 'blocks') return finish(Math.max(1, Math.round(most * amount)), null)
  const counting = target === 'latency' ? 'macs' : target
  const least = (await shorter(most)).cost
  /** The number of blocks whose removal leaves most nearly that share. */
  const nearest = async (share: number): Promise<number> => {
    const costs = await Promise.all(
      Array.from({ length: most }, async (_, i) => (await shorter(i + 1)).cost[counting]),
    )
    const wanted = before[counting] * share
    const distance = (count: number) => Math.abs((costs[count - 1] ?? 0) - wanted)
    return costs.reduce((best, _, i) => (distance(i + 1) < distance(best) ? i + 1 : best), 1)
  }
  if (target !== 'latency') {
    requireReachable(target, amount, before, least)
    return finish(await nearest(1 - amount), null)
  }
  const found = await searchLatency<number>(
    {
      original: structure.model,
      least: least.macs / Math.max(1, before.macs),
      wanted: 1 - amount,
      key: count => String(count),
      at: async share => {
        const count = await nearest(share)
        await breathe(context)
        return { model: (await shorter(count)).model, chosen: count }
      },
    },
    context,
  )
  return finish(found.chosen, found.ratio)
}

async function costed(source: Model, blocks: Block[]): Promise<{ model: Model; cost: PruneCost }> {
  const model = await dropBlocks(source, blocks)
  const [counts] = await modelCosts([model])
  const bytes = [...model.graph.initializers()].reduce((sum, tensor) => sum + tensorByteLength(tensor), 0)
  return { model, cost: { parameters: counts?.parameters ?? 0, macs: counts?.macs ?? 0, bytes } }
}

async function changesOf(
  { structure, stages }: Work,
  blocks: readonly Block[],
  context: TaskContext,
): Promise<PruneDecisions['changes']> {
  const gone = new Set(blocks)
  const whole = await costed(structure.model, [])
  const times = await nodeTimes(structure.model, context)
  const changes: PruneDecisions['changes'] = []
  for (const stage of stages) {
    const own = stage.blocks.filter(block => gone.has(block))
    const without = await costed(structure.model, own)
    const left = new Set(without.model.graph.nodes.flatMap(node => node.output))
    const freed = [...times].filter(([node]) => !node.output.some(name => left.has(name)))
    changes.push({
      id: `stage at ${stage.blocks[0]?.node ?? ''}`,
      kind: 'blocks',
      nodes: own.map(block => block.node),
      from: stage.blocks.length,
      to: stage.blocks.length - own.length,
      frees: {
        parameters: whole.cost.parameters - without.cost.parameters,
        macs: whole.cost.macs - without.cost.macs,
      },
      milliseconds: times.size > 0 ? freed.reduce((sum, [, ms]) => sum + ms, 0) : null,
    })
  }
  return changes
}

function withoutExcluded(stages: readonly Stage[], patterns: readonly string[]): Stage[] {
  const matchers = patterns.map(namePattern)
  return stages.map(stage => ({
    blocks: stage.blocks.map(block => ({
      ...block,
      removable: block.removable && !matchers.some(matcher => matcher.test(block.node)),
    })),
  }))
}

function noBlocks(stages: readonly Stage[]): BantamError {
  const message =
    stages.length === 0
      ? 'The network has no blocks that repeat one after the other with the same shapes.'
      : 'Every repeated block is needed where it is: it changes the shape, or is left alone.'
  return new BantamError('unsupported', message, {
    where: 'blocks',
    action: 'Prune channels instead.',
  })
}
