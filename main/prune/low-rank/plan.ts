/** Low rank, decided: which layers are divided in two, how, and with what rank. */
import { z } from 'zod'
import type { Note, Plan } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { type PruneCost, PruneDecisions, type PruneLowRankOptions } from '../../../shared/prune'
import { breathe, type TaskContext, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import { counted as count } from '../../onnx/passes/pass'
import { tensorByteLength } from '../../onnx/tensor'
import { nodeLabel } from '../../quantize/names'
import { modelCosts } from '../../structure/model-cost'
import type { PlanInput, SampleSet } from '../../technique'
import { splitOf } from '../../training/decisions'
import { processor } from '../../training/machine'
import { drawSamples } from '../draw'
import { type Ratio, searchLatency } from '../latency'
import { decideRecovery } from '../recover'
import { percent, requireReachable, TARGET_TITLES } from '../targets'
import { nodeTimes } from '../timings'
import { matrixOf, singularSquares } from './factor'
import { type FoundLayers, findLayers, highestRank, type LowRankLayer, stepOf } from './layers'
import { eachMoment } from './moments'
import {
  type Counted,
  costAt,
  equalRanks,
  globalRanks,
  lossAt,
  type Ranks,
  type Spectrum,
  uniformRanks,
} from './ranks'
import { divided } from './write'

export const LowRankDecisions = PruneDecisions.extend({
  layers: z
    .array(
      z.object({
        weight: z.string(),
        scheme: z.enum(['dense', 'channel', 'spatial']),
        rank: z.number().int().min(1),
        /** Share of the squared singular values that stays: of the weights, or of what the layer gives. */
        energy: z.number(),
      }),
    )
    .min(1),
  /** Latency relative to the original, where it was the target. */
  latency: z.object({ ratio: z.number(), low: z.number(), high: z.number() }).nullable(),
})
export type LowRankDecisions = z.infer<typeof LowRankDecisions>

/** The samples that activations are looked at on. Throws `bad-data` without any. */
export function samplesOf(
  samples: SampleSet | undefined,
  options: PruneLowRankOptions,
  seed: number,
): SampleSet {
  if (samples && samples.indices.length > 0) return drawSamples(samples, options.samples, seed)
  throw new BantamError('bad-data', 'What layers give is measured on samples, and there are none.', {
    where: 'error',
    action: 'Give data, or choose the error of the weights (svd).',
  })
}

/** Throws `unsupported` when no layer can be divided, `bad-option` for an amount out of reach, `bad-data` without samples. */
export async function planLowRank(
  technique: string,
  input: PlanInput,
  options: PruneLowRankOptions,
  context: TaskContext,
): Promise<Plan> {
  context.progress(0, 'Finding layers')
  const found = await findLayers(input.model, options.exclude)
  const spectra = await spectraOf(found, input, options, within(context, 0.02, 0.7))
  const before = await costOf(found.model)
  const { ranks, latency } = await ranksOf(found.model, spectra, before, options, within(context, 0.7, 0.9))
  const chosen = spectra.flatMap((spectrum, i) => {
    const rank = ranks[i] ?? null
    return rank === null ? [] : [{ spectrum, rank }]
  })
  if (chosen.length === 0) throw nothingGoes(spectra, options)
  const small = await divided(
    found.model,
    chosen.map(({ spectrum: { layer }, rank }) => ({ layer, rank })),
  )
  const recovery = await decideRecovery(input, small, options)
  const decisions: LowRankDecisions & Record<string, unknown> = {
    ...(options.error === 'activation' ? learnt(input, options) : {}),
    ...recovery.decisions,
    changes: await changesOf(found.model, spectra, ranks, within(context, 0.9, 0.98)),
    declined: [...found.declined, ...uselessOf(spectra)],
    ...{ before, after: await costOf(small), latency },
    layers: chosen.map(({ spectrum, rank }) => ({
      ...{ weight: spectrum.layer.weight, scheme: spectrum.layer.scheme, rank },
      energy: 1 - lossAt(spectrum, rank),
    })),
  }
  const notes = [...notesOf(decisions, spectra.length, options), ...recovery.notes]
  return { technique, version: 1, seed: input.seed, options, decisions, notes }
}

/** What applying looks at again. */
function learnt(input: PlanInput, options: PruneLowRankOptions): Record<string, unknown> {
  const samples = input.training ?? input.calibration
  if (!samples) return {}
  return {
    ...{ samples: Math.min(options.samples, samples.indices.length), data: samples.dataset.summary.spec },
    ...{ from: splitOf(samples), threads: input.threads, processor: processor() },
  }
}

/** Singular values of every layer, divided in the way that loses less where there are two. */
async function spectraOf(
  { model, layers }: FoundLayers,
  input: PlanInput,
  options: PruneLowRankOptions,
  context: TaskContext,
): Promise<Spectrum[]> {
  const spectra: Spectrum[] = []
  const told = () => context.progress(spectra.length / layers.length, 'Decomposing layers')
  if (options.error === 'activation') {
    const samples = samplesOf(input.training ?? input.calibration, options, input.seed)
    const first = layers.flatMap(([layer]) => layer ?? [])
    const from = { samples, threads: input.threads }
    await eachMoment(model, first, from, within(context, 0, 0.5), async (layer, moment) => {
      spectra.push({ layer, squares: singularSquares(matrixOf(model, layer), moment) })
      told()
      await breathe(context)
    })
    return spectra
  }
  for (const schemes of layers) {
    const all = schemes.map(layer => ({ layer, squares: singularSquares(matrixOf(model, layer)) }))
    const loss = (spectrum: Spectrum) => lossAt(spectrum, rankFor(spectrum.layer, 1 - options.amount))
    const [best] = all.sort((a, b) => loss(a) - loss(b))
    if (best) spectra.push(best)
    told()
    await breathe(context)
  }
  return spectra
}

/** The rank at which a layer computes that share of what it does. */
function rankFor(layer: LowRankLayer, share: number): number {
  const rank = Math.floor((share * layer.whole.macs) / Math.max(1, layer.unit.macs))
  return Math.max(1, Math.min(highestRank(layer), rank))
}

async function costOf(model: Model): Promise<PruneCost> {
  const [counts] = await modelCosts([model])
  const bytes = [...model.graph.initializers()].reduce((sum, tensor) => sum + tensorByteLength(tensor), 0)
  return { parameters: counts?.parameters ?? 0, macs: counts?.macs ?? 0, bytes }
}

async function ranksOf(
  model: Model,
  spectra: readonly Spectrum[],
  before: PruneCost,
  options: PruneLowRankOptions,
  context: TaskContext,
): Promise<{ ranks: Ranks; latency: Ratio | null }> {
  const { amount, target } = options
  if (target === 'rank') return { ranks: equalRanks(spectra, 1 - amount), latency: null }
  const counting: Counted = target === 'latency' ? 'macs' : target
  const all = totalOf(spectra, wholeOf(spectra), counting)
  const at = (share: number) => ranksFor(spectra, all - before[counting] * (1 - share), counting, options)
  const least = leastOf(spectra, before, counting)
  if (target !== 'latency') {
    requireReachable(target, amount, before, { ...before, [counting]: least })
    return { ranks: at(1 - amount), latency: null }
  }
  const found = await searchLatency<Ranks>(
    {
      original: model,
      least: least / Math.max(1, before.macs),
      wanted: 1 - amount,
      key: chosen => JSON.stringify(chosen),
      at: async share => {
        const chosen = at(share)
        await breathe(context)
        const divisions = spectra.flatMap(({ layer }, i) => {
          const rank = chosen[i] ?? null
          return rank === null ? [] : [{ layer, rank }]
        })
        return { model: await divided(model, divisions), chosen }
      },
    },
    context,
  )
  return { ranks: found.chosen, latency: found.ratio }
}

const wholeOf = (spectra: readonly Spectrum[]): Ranks => spectra.map(() => null)

function totalOf(spectra: readonly Spectrum[], ranks: Ranks, counting: Counted): number {
  return spectra.reduce((sum, { layer }, i) => sum + costAt(layer, ranks[i] ?? null)[counting], 0)
}

/** What stays of the whole model with the lowest ranks. */
function leastOf(spectra: readonly Spectrum[], before: PruneCost, counting: Counted): number {
  const lowest: Ranks = spectra.map(({ layer }) => (highestRank(layer) > 0 ? stepOf(layer) : null))
  return before[counting] - totalOf(spectra, wholeOf(spectra), counting) + totalOf(spectra, lowest, counting)
}

/** Ranks with which the layers together cost as much as `wanted`, as near as steps allow. */
function ranksFor(
  spectra: readonly Spectrum[],
  wanted: number,
  counting: Counted,
  { distribution }: PruneLowRankOptions,
): Ranks {
  if (distribution === 'global') return globalRanks(spectra, wanted, counting)
  let [low, high] = [0, 1]
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2
    if (totalOf(spectra, uniformRanks(spectra, middle, counting), counting) > wanted) high = middle
    else low = middle
  }
  const sides = [low, high].map(share => uniformRanks(spectra, share, counting))
  const missed = (ranks: Ranks) => Math.abs(totalOf(spectra, ranks, counting) - wanted)
  return sides.reduce((best, side) => (missed(side) < missed(best) ? side : best))
}

async function changesOf(
  model: Model,
  spectra: readonly Spectrum[],
  ranks: Ranks,
  context: TaskContext,
): Promise<PruneDecisions['changes']> {
  const times = await nodeTimes(model, context)
  return spectra.map(({ layer }, i) => {
    const rank = ranks[i] ?? null
    const [full, cost] = [Math.min(layer.rows, layer.columns), costAt(layer, rank)]
    const time = times.get(layer.node) ?? 0
    return {
      ...{
        id: layer.weight,
        kind: 'rank' as const,
        nodes: [nodeLabel(layer.node)],
        from: full,
        to: rank ?? full,
      },
      frees: {
        parameters: layer.whole.parameters - cost.parameters,
        macs: Math.round(layer.whole.macs - cost.macs),
      },
      milliseconds: times.size > 0 ? time * (1 - cost.macs / Math.max(1, layer.whole.macs)) : null,
    }
  })
}

function uselessOf(spectra: readonly Spectrum[]): PruneDecisions['declined'] {
  return spectra
    .filter(({ layer }) => highestRank(layer) === 0)
    .map(({ layer }) => ({
      id: layer.weight,
      reason: 'two layers in its place would cost more at any rank',
      node: nodeLabel(layer.node),
    }))
}

function nothingGoes(spectra: readonly Spectrum[], { amount, target }: PruneLowRankOptions): BantamError {
  const useless = uselessOf(spectra)
  if (useless.length === spectra.length)
    return new BantamError('unsupported', 'Every layer is so small that two in its place would cost more.', {
      where: useless[0]?.node ?? '',
      action: 'Prune channels instead.',
    })
  const rank = target === 'rank'
  return new BantamError('bad-option', 'With that amount every layer stays whole.', {
    where: 'amount',
    action: rank
      ? `A square matrix gets smaller below half its rank: ask for more than ${percent(Math.max(0.5, amount))}.`
      : `Ask for more than ${percent(amount)}.`,
  })
}

function notesOf(decisions: LowRankDecisions, layers: number, options: PruneLowRankOptions): Note[] {
  const { before, after, latency, declined } = decisions
  const { amount, target } = options
  const freed = (key: Counted) => 1 - after[key] / Math.max(1, before[key])
  const notes: Note[] = [
    {
      code: 'pruned',
      severity: 'info',
      message: `${count(decisions.layers.length, 'layer')} of ${layers} became two smaller ones: ${percent(freed('macs'))} of the multiply-accumulates and ${percent(freed('parameters'))} of the parameters go.`,
    },
  ]
  if (target === 'latency' && latency)
    notes.push({
      code: 'latency-target',
      severity: 'info',
      message: `Measured here, batch 1 on one thread: ${latency.ratio.toFixed(3)} of the original's latency (${latency.low.toFixed(3)} to ${latency.high.toFixed(3)}), asked for ${(1 - amount).toFixed(3)}.`,
    })
  else if (target !== 'rank' && target !== 'latency' && Math.abs(freed(target) - amount) > 0.02)
    notes.push({
      code: 'target-rounded',
      severity: 'info',
      message: `Whole steps of rank make it ${percent(freed(target))} of the ${TARGET_TITLES[target]} instead of ${percent(amount)}.`,
    })
  if (target !== 'latency')
    notes.push({
      code: 'two-nodes',
      severity: 'info',
      message:
        'Two small layers take longer than their multiply-accumulates say, for each one has to be started and read its input: measure before you rely on it.',
      action: 'Choose the target latency to be sure.',
    })
  const lost = decisions.layers.reduce((worst, layer) => (layer.energy < worst.energy ? layer : worst))
  if (lost.energy < 0.9)
    notes.push({
      code: 'not-low-rank',
      severity: 'warning',
      node: lost.weight,
      message: `The weights are not of low rank: of ${lost.weight} ${percent(lost.energy)} of the ${options.error === 'svd' ? 'energy' : 'energy of what it gives'} stays.`,
      action: 'Let it recover, or take away less.',
    })
  return [
    ...notes,
    ...declined.map(({ id, reason, node }) => ({
      code: 'not-pruned',
      severity: 'info' as const,
      message: `${id} stays whole: ${reason}.`,
      ...(node ? { node } : {}),
    })),
  ]
}
