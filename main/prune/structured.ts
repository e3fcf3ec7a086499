/** Techniques that take channels out of the graph: of all kinds, feed-forward widths, or whole heads. */
import type { z } from 'zod'
import type { Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import {
  type GroupKind,
  PruneChannelsOptions,
  type PruneWidthOptions,
  PruneWidthOptions as Width,
} from '../../shared/prune'
import type { TrainingRecord } from '../../shared/training'
import { breathe, within } from '../jobs/context'
import type { Model } from '../onnx/model'
import { findStructure, type Structure } from '../structure/groups'
import { keptChannels, sliceGroups } from '../structure/slice'
import type { ApplyInput, Technique } from '../technique'
import { adviseStructured } from './advice'
import { drawSamples } from './draw'
import { normalizeScores, scoreChannels } from './importance/score'
import { keepRound, keptRound } from './kept-rounds'
import { learnsBack, recover, trainsBack } from './recover'
import { roundRuns } from './rounds'
import { keepStrongest, planStructured, StructuredDecisions } from './structured-plan'

const REFERENCE = 'Fang et al., DepGraph: Towards Any Structural Pruning, CVPR 2023 (arXiv:2301.12900)'

export const pruneChannels: Technique<typeof PruneChannelsOptions> = {
  id: 'prune.channels',
  title: 'Prune channels',
  summary:
    'Takes channels, heads and hidden units out of the graph itself, all that hang together at once: smaller and faster everywhere.',
  reference: REFERENCE,
  needs: 'nothing',
  options: PruneChannelsOptions,
  lossy: true,
  advise: adviseStructured,
  plan: (input, options, context) => planStructured('prune.channels', options.kinds, input, options, context),
  learns: learnsBack,
  apply: (model, plan, run) => applyStructured(model, plan, PruneChannelsOptions.parse(plan.options), run),
}

export const pruneFfn = ofKind({
  id: 'prune.ffn',
  title: 'Prune feed-forward width',
  summary: 'Narrows the dense layers inside the blocks of a transformer, or the hidden layers of an MLP.',
  reference: 'Kwon et al., A Fast Post-Training Pruning Framework for Transformers, 2022 (arXiv:2204.09656)',
  kind: 'ffn',
})

export const pruneHeads = ofKind({
  id: 'prune.heads',
  title: 'Prune attention heads',
  summary: 'Takes whole heads out of attention; of grouped queries the heads of a group go together.',
  reference: 'Michel, Levy and Neubig, Are Sixteen Heads Really Better than One?, 2019 (arXiv:1905.10650)',
  kind: 'heads',
})

function ofKind(about: {
  id: string
  title: string
  summary: string
  reference: string
  kind: GroupKind
}): Technique<typeof Width> {
  const { kind, ...rest } = about
  return {
    ...rest,
    needs: 'nothing',
    options: Width,
    lossy: true,
    advise: adviseStructured,
    plan: (input, options, context) => planStructured(about.id, [kind], input, options, context),
    learns: learnsBack,
    apply: (model, plan, run) => applyStructured(model, plan, Width.parse(plan.options), run),
  }
}

/** Slices and recovers round by round. */
async function applyStructured(
  model: Model,
  plan: Plan,
  options: PruneWidthOptions,
  run: ApplyInput | undefined,
): Promise<Model> {
  const { rounds } = StructuredDecisions.parse(plan.decisions)
  const runs = run && roundRuns(run, rounds.length)
  const keepDir = rounds.length > 1 && trainsBack(options) ? run?.context.keepDir : undefined
  let current = model
  let channels: Kept = () => null
  for (const [i, round] of rounds.entries()) {
    const told = runs?.(i)
    if (run) await breathe(run.context)
    const kept = keepDir === undefined ? undefined : await keptRound(keepDir, plan, i + 1)
    if (kept) {
      if (kept.record) told?.record(kept.record)
      current = kept.model
      continue
    }
    const structure = await findStructure(current)
    const keep = round.keep
      ? new Map(Object.entries(round.keep).map(([id, kept]) => [id, Uint32Array.from(kept)]))
      : await chooseAnew(structure, round, plan, options, told)
    const pruned = sliceGroups(structure, keep)
    channels = compose(channels, keptChannels(structure, keep))
    let record: TrainingRecord | null = null
    current = await recover({
      technique: plan.technique,
      pruned,
      original: model,
      options,
      decisions: plan.decisions,
      seed: plan.seed,
      run: told && {
        ...told,
        record: own => {
          record = own
          told.record(own)
        },
      },
      kept: channels,
    })
    if (keepDir === undefined || i + 1 === rounds.length) continue
    await keepRound(keepDir, plan, i + 1, { model: current, record })
    // The next round begins with the same bytes, whether it is reached at once or after an interruption.
    current = (await keptRound(keepDir, plan, i + 1))?.model ?? current
  }
  return current
}

type Kept = (value: string) => Uint32Array | null

/** Channels of the original that are left after both cuts. */
function compose(first: Kept, second: Kept): Kept {
  return value => {
    const [a, b] = [first(value), second(value)]
    if (!a || !b) return a ?? b
    return b.map(position => a[position] ?? 0)
  }
}

/** Channels of a later round, by their importance in the recovered model. */
async function chooseAnew(
  structure: Structure,
  round: z.infer<typeof StructuredDecisions>['rounds'][number],
  plan: Plan,
  options: PruneWidthOptions,
  run: ApplyInput | undefined,
): Promise<Map<string, Uint32Array>> {
  if (!run?.training) throw new BantamError('internal', 'A later round was started without data.')
  const sizes = new Map(Object.entries(round.sizes))
  const scores = await scoreChannels(
    {
      structure,
      groups: structure.groups.filter(group => sizes.has(group.id)),
      importance: options.importance,
      samples: drawSamples(run.training, options.samples, plan.seed),
      seed: plan.seed,
      threads: run.threads,
    },
    within(run.context, 0, 0.02),
  )
  return keepStrongest(normalizeScores(scores, options.normalize), sizes)
}
