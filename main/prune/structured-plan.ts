/**
 * Structured pruning, decided: which groups lose how many channels for the target asked for, and which channels. After
 * "DepGraph: Towards Any Structural Pruning" (arXiv 2301.12900) and "Structurally Prune Anything" (arXiv 2403.18955).
 */
import type { NodeProto } from 'onnx-buf'
import { z } from 'zod'
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { type GroupKind, PruneDecisions, type PruneWidthOptions } from '../../shared/prune'
import { breathe, type TaskContext, within } from '../jobs/context'
import { counted } from '../onnx/passes/pass'
import { declinedNotes } from '../structure/declined'
import { findStructure, type Structure } from '../structure/groups'
import { strongest } from '../structure/importance'
import { sliceGroups } from '../structure/slice'
import type { PlanInput, SampleSet } from '../technique'
import { StructureCost } from './cost'
import { drawSamples } from './draw'
import { type Candidates, candidates } from './groups'
import { needsSamples, normalizeScores, type Scores, scoreChannels } from './importance/score'
import { type Ratio, searchLatency } from './latency'
import { hardwareMultiples } from './multiples'
import { decideRecovery, learnsBack } from './recover'
import { measureSensitivity } from './sensitivity'
import { percent, requireReachable, TARGET_TITLES } from './targets'
import { nodeTimes } from './timings'
import {
  fitWidths,
  globalWish,
  roundWidths,
  sensitivityWish,
  uniformWish,
  type WidthGroup,
  type Wish,
} from './widths'

const Round = z.object({
  /** Channels that stay, by group. */
  sizes: z.record(z.string(), z.number().int().min(1)),
  /** Which; null where they are chosen when the round before has recovered. */
  keep: z.record(z.string(), z.array(z.number().int().min(0))).nullable(),
})

export const StructuredDecisions = PruneDecisions.extend({
  rounds: z.array(Round).min(1),
  multiples: z.object({ convolution: z.number(), dense: z.number() }),
  /** Latency relative to the original, where it was the target. */
  latency: z.object({ ratio: z.number(), low: z.number(), high: z.number() }).nullable(),
})
export type StructuredDecisions = z.infer<typeof StructuredDecisions>

const SENSITIVITY_KEEPS = [0.75, 0.5, 0.25]

interface Work {
  input: PlanInput
  options: PruneWidthOptions
  context: TaskContext
  structure: Structure
  cost: StructureCost
  free: WidthGroup[]
  samples: SampleSet | undefined
}

/** Throws `unsupported` when nothing can be reduced, `bad-option` for an amount out of reach, `bad-data` without samples. */
export async function planStructured(
  technique: string,
  kinds: readonly GroupKind[],
  input: PlanInput,
  options: PruneWidthOptions,
  context: TaskContext,
): Promise<Plan> {
  context.progress(0, 'Finding groups of channels')
  const structure = await findStructure(input.model)
  await breathe(context)
  const multiples = options.multiple === 0 ? await hardwareMultiples() : same(options.multiple)
  const found = candidates(structure, { kinds, ...options }, multiples)
  const cost = await StructureCost.of(structure)
  const samples = input.calibration && drawSamples(input.calibration, options.samples, input.seed)
  const work: Work = { input, options, context, structure, cost, free: found.free, samples }
  const scores = await scoresOf(work, structure, found.free, within(context, 0.1, 0.4))
  const { sizes, latency } = await sizesOf(work, scores, within(context, 0.4, 0.8))
  const changed = found.free.filter(({ group }) => (sizes.get(group.id) ?? group.size) < group.size)
  if (changed.length === 0) throw nothingGoes(options)
  const rounds = await roundsOf(work, scores, sizes, changed)
  context.progress(0.85, 'Measuring where the time goes')
  const changes = await changesOf(work, found, sizes, within(context, 0.85, 0.95))
  const pruned = sliceGroups(structure, anyKept(changed, sizes))
  const recovery = await decideRecovery(input, pruned, options)
  const usesSamples = needsSamples(options.importance) || options.distribution === 'sensitivity'
  const decisions: StructuredDecisions & Record<string, unknown> = {
    ...(usesSamples && samples ? { samples: samples.indices.length } : {}),
    ...recovery.decisions,
    changes,
    declined: found.declined,
    before: cost.whole,
    after: cost.at(sizes),
    rounds,
    multiples: { convolution: multiples.convolution, dense: multiples.dense },
    latency,
  }
  const notes = [...notesOf(work, found, decisions), ...recovery.notes]
  return { technique, version: 1, seed: input.seed, options, decisions, notes }
}

function same(multiple: number) {
  return { convolution: multiple, dense: multiple, widths: [], us: { convolution: [], dense: [] } }
}

/** Of the structure's groups named by `groups`, normalized. */
async function scoresOf(
  { input, options, samples }: Pick<Work, 'input' | 'options' | 'samples'>,
  structure: Structure,
  groups: readonly WidthGroup[],
  context: TaskContext,
): Promise<Scores> {
  context.progress(0, 'Scoring channels')
  const { importance, normalize } = options
  const ids = new Set(groups.map(({ group }) => group.id))
  const request = {
    structure,
    groups: structure.groups.filter(group => ids.has(group.id)),
    importance,
    ...(samples ? { samples } : {}),
    seed: input.seed,
    threads: input.threads,
  }
  return normalizeScores(await scoreChannels(request, context), normalize)
}

/** Widths in which one group keeps some multiples more or less, those first that should come nearest to the aim. */
function besides(
  groups: readonly WidthGroup[],
  cost: StructureCost,
  times: ReadonlyMap<NodeProto, number>,
  from: { chosen: ReadonlyMap<string, number>; ratio: number; aim: number },
): Map<string, number>[] {
  const total = [...times.values()].reduce((sum, ms) => sum + ms, 0)
  const workAt = (sizes: ReadonlyMap<string, number>) =>
    [...cost.shares(sizes)].reduce((sum, [node, share]) => sum + (times.get(node) ?? 0) * share, 0)
  const now = workAt(from.chosen)
  const found = groups.flatMap(({ group, multiple, least }) =>
    [-4, -3, -2, -1, 1, 2, 3, 4].flatMap(by => {
      const width = (from.chosen.get(group.id) ?? group.size) + by * multiple
      if (width < Math.max(1, least) || width > group.size) return []
      const sizes = new Map(from.chosen).set(group.id, width)
      const expected = from.ratio + (total > 0 ? (workAt(sizes) - now) / total : 0)
      return [{ sizes, off: Math.abs(expected - from.aim) }]
    }),
  )
  return found.sort((a, b) => a.off - b.off).map(({ sizes }) => sizes)
}

interface Sized {
  sizes: Map<string, number>
  latency: Ratio | null
}

async function sizesOf(work: Work, scores: Scores, context: TaskContext): Promise<Sized> {
  const { options, structure, cost, free } = work
  const byHand = widthsByHand(free, options.widths)
  const open = free.filter(({ group }) => !byHand.has(group.id))
  const whole = (sizes: ReadonlyMap<string, number>) => new Map([...byHand, ...sizes])
  if (open.length === 0) return { sizes: byHand, latency: null }
  const { amount, target } = options
  const wish = await wishOf(work, open, scores, context)
  if (target === 'channels') {
    if (options.distribution === 'uniform')
      return { sizes: whole(roundWidths(open, wish(amount))), latency: null }
    const all = open.reduce((sum, { group }) => sum + group.size, 0)
    const total = (sizes: ReadonlyMap<string, number>) =>
      open.reduce((sum, { group }) => sum + (sizes.get(group.id) ?? group.size), 0)
    return { sizes: whole(fitWidths(open, wish, total, all * (1 - amount))), latency: null }
  }
  const counting = target === 'latency' ? 'macs' : target
  const measure = (sizes: ReadonlyMap<string, number>) => cost.at(whole(sizes))[counting]
  const sizesAt = (share: number) => whole(fitWidths(open, wish, measure, cost.whole[counting] * share))
  const least = cost.at(whole(roundWidths(open, wish(1))))
  if (target !== 'latency') {
    requireReachable(target, amount, cost.whole, least)
    return { sizes: sizesAt(1 - amount), latency: null }
  }
  let known: Map<NodeProto, number> | undefined
  const times = async () => {
    known ??= await nodeTimes(structure.model, within(context, 0.5, 0.5))
    return known
  }
  const found = await searchLatency<Map<string, number>>(
    {
      original: structure.model,
      least: least.macs / cost.whole.macs,
      wanted: 1 - amount,
      key: chosen => JSON.stringify([...chosen]),
      near: async (chosen, ratio, aim) =>
        besides(open, cost, await times(), { chosen, ratio, aim }).map(sizes => ({
          model: sliceGroups(structure, anyKept(free, sizes)),
          chosen: sizes,
        })),
      at: async share => {
        const chosen = sizesAt(share)
        return { model: sliceGroups(structure, anyKept(free, chosen)), chosen }
      },
    },
    context,
  )
  return { sizes: found.chosen, latency: found.ratio }
}

/** Channels that stay of the groups whose share was chosen by hand. */
function widthsByHand(free: readonly WidthGroup[], widths: PruneWidthOptions['widths']): Map<string, number> {
  const chosen = new Map<string, number>()
  for (const { group: id, keep } of widths) {
    const found = free.find(({ group }) => group.id === id)
    if (!found)
      throw new BantamError('bad-option', `There is no group ${id} that could be reduced.`, {
        where: 'widths',
        action: `Those that can are ${free
          .slice(0, 8)
          .map(({ group }) => group.id)
          .join(', ')}${free.length > 8 ? ', …' : ''}.`,
      })
    const { size } = found.group
    const fewest = found.group.counted.length > 0 ? 2 : 1
    chosen.set(id, Math.min(size, Math.max(fewest, Math.round(size * keep))))
  }
  return chosen
}

async function wishOf(work: Work, open: WidthGroup[], scores: Scores, context: TaskContext): Promise<Wish> {
  const { input, options, samples } = work
  if (options.distribution === 'uniform') return uniformWish(open)
  if (options.distribution === 'global') return globalWish(open, scores)
  if (!samples)
    throw new BantamError('bad-data', 'Sensitivity is measured on samples.', {
      where: 'distribution',
      action: 'Give data, or choose another distribution.',
    })
  const request = {
    model: input.model,
    groups: open.map(({ group }) => group.id),
    keeps: SENSITIVITY_KEEPS,
    importance: options.importance,
    samples,
    seed: input.seed,
    threads: input.threads,
  }
  return sensitivityWish(open, (await measureSensitivity(request, context)).curves)
}

/** The first channels: for models whose values do not matter. */
function anyKept(
  groups: readonly WidthGroup[],
  sizes: ReadonlyMap<string, number>,
): Map<string, Uint32Array> {
  return new Map(
    groups.map(({ group }) => [
      group.id,
      Uint32Array.from({ length: sizes.get(group.id) ?? group.size }, (_, i) => i),
    ]),
  )
}

/**
 * Widths after each round go down evenly. Channels of later rounds are chosen anew: here where nothing is learnt in
 * between, else when the round before has recovered.
 */
async function roundsOf(
  work: Work,
  scores: Scores,
  sizes: ReadonlyMap<string, number>,
  changed: readonly WidthGroup[],
): Promise<StructuredDecisions['rounds']> {
  const { steps } = work.options
  const later = learnsBack(work.options)
  const rounds: StructuredDecisions['rounds'] = []
  let [structure, current] = [work.structure, scores]
  for (let round = 1; round <= steps; round++) {
    const widths = new Map(
      changed.map(({ group }) => {
        const gone = group.size - (sizes.get(group.id) ?? group.size)
        return [group.id, group.size - Math.round((gone * round) / steps)]
      }),
    )
    const keep = round === 1 || !later ? keepStrongest(current, widths) : null
    rounds.push({ sizes: Object.fromEntries(widths), keep: keep && plain(keep) })
    if (!keep || later || round === steps) continue
    structure = await findStructure(sliceGroups(structure, keep))
    current = await scoresOf(work, structure, changed, within(work.context, 0.8, 0.85))
  }
  return rounds
}

/** The channels of the highest scores, by group. */
export function keepStrongest(scores: Scores, sizes: ReadonlyMap<string, number>): Map<string, Uint32Array> {
  return new Map(
    [...sizes].map(([id, count]) => {
      const own = scores.get(id)
      if (!own) throw new BantamError('internal', `The channels of ${id} have no scores.`)
      return [id, strongest(own, count)]
    }),
  )
}

function plain(keep: ReadonlyMap<string, Uint32Array>): Record<string, number[]> {
  return Object.fromEntries([...keep].map(([id, channels]) => [id, [...channels]]))
}

async function changesOf(
  { structure, cost }: Work,
  { free, kinds }: Candidates,
  sizes: ReadonlyMap<string, number>,
  context: TaskContext,
): Promise<StructuredDecisions['changes']> {
  const times = await nodeTimes(structure.model, context)
  return free.map(({ group }) => {
    const to = sizes.get(group.id) ?? group.size
    const alone = new Map([[group.id, to]])
    let milliseconds = 0
    if (to < group.size)
      for (const [node, share] of cost.shares(alone)) milliseconds += (times.get(node) ?? 0) * (1 - share)
    return {
      id: group.id,
      kind: kinds.get(group.id) ?? 'channels',
      nodes: [...group.producers],
      from: group.size,
      to,
      frees: to < group.size ? cost.frees(group.id, to) : { parameters: 0, macs: 0 },
      milliseconds: times.size > 0 ? milliseconds : null,
    }
  })
}

function nothingGoes({ amount }: PruneWidthOptions): BantamError {
  return new BantamError('bad-option', 'With that amount every channel stays.', {
    where: 'amount',
    action: `Ask for more than ${percent(amount)}, or set a smaller multiple.`,
  })
}

function notesOf(work: Work, found: Candidates, decisions: StructuredDecisions): Note[] {
  const { options, structure } = work
  const { before, after, changes, latency } = decisions
  const changed = changes.filter(change => change.to < change.from)
  const notes: Note[] = [
    {
      code: 'pruned',
      severity: 'info',
      message: `${counted(changed.length, 'group')} of channels become narrower: ${percent(1 - after.macs / Math.max(1, before.macs))} of the multiply-accumulates and ${percent(1 - after.parameters / Math.max(1, before.parameters))} of the parameters go.`,
    },
  ]
  const { target, amount } = options
  if (target === 'latency' && latency) {
    notes.push({
      code: 'latency-target',
      severity: 'info',
      message: `Measured here, batch 1 on one thread: ${latency.ratio.toFixed(3)} of the original's latency (${latency.low.toFixed(3)} to ${latency.high.toFixed(3)}), asked for ${(1 - amount).toFixed(3)}.`,
    })
  } else if (target !== 'channels' && target !== 'latency') {
    const share = 1 - after[target] / Math.max(1, before[target])
    if (Math.abs(share - amount) > 0.02)
      notes.push({
        code: 'target-rounded',
        severity: 'info',
        message: `Whole channels make it ${percent(share)} of the ${TARGET_TITLES[target]} instead of ${percent(amount)}.`,
      })
  }
  const finer = found.free.filter(({ group, multiple }) => {
    const to = decisions.changes.find(change => change.id === group.id)?.to ?? group.size
    return to < group.size && to % multiple !== 0 && !options.widths.some(w => w.group === group.id)
  })
  if (finer.length > 0)
    notes.push({
      code: 'finer-than-liked',
      severity: 'warning',
      message: `The target cannot be met in the multiples that this machine computes fastest: the widths of ${counted(finer.length, 'group')} lie between them, and may gain little time.`,
      action: 'Ask for a little more or less, or set the multiple.',
    })
  const ids = new Set(found.declined.map(d => d.id))
  return [
    ...notes,
    ...declinedNotes(
      structure.groups.filter(g => ids.has(g.id)),
      'not-pruned',
    ),
  ]
}
