/**
 * Low-rank factorization: a matrix of weights becomes two of a lower rank, by singular values (Denton et al. 2014,
 * "Exploiting Linear Structure Within Convolutional Networks", arXiv 1404.0736), of the weights or of what the layers
 * give on samples (SVD-LLM, arXiv 2403.07378).
 */
import type { Advice, ModelSummary } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { PruneLowRankOptions } from '../../../shared/prune'
import { breathe, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import type { ApplyInput, Technique } from '../../technique'
import { recoveryNotes } from '../advice'
import { learnsBack, recover } from '../recover'
import { factorsOf, matrixOf } from './factor'
import { findLayers, type LowRankLayer } from './layers'
import { eachMoment } from './moments'
import { LowRankDecisions, planLowRank, samplesOf } from './plan'
import { type Division, divided } from './write'

export const pruneLowRank: Technique<typeof PruneLowRankOptions> = {
  id: 'prune.low-rank',
  title: 'Low rank',
  summary:
    'Dense layers and convolutions become two smaller ones, by their largest singular values: smaller, and faster where the ranks are low.',
  reference:
    'Denton et al., Exploiting Linear Structure, 2014 (arXiv:1404.0736); Wang et al., SVD-LLM, 2024 (arXiv:2403.07378)',
  needs: 'nothing',
  options: PruneLowRankOptions,
  lossy: true,
  advise: adviseLowRank,
  learns: options => options.error === 'activation' || learnsBack(options),
  plan: (input, options, context) => planLowRank(pruneLowRank.id, input, options, context),
  async apply(model, plan, run): Promise<Model> {
    const options = PruneLowRankOptions.parse(plan.options)
    const decisions = LowRankDecisions.parse(plan.decisions)
    const found = await findLayers(model, options.exclude)
    const wanted = decisions.layers.map(({ weight, scheme, rank }) => {
      const layer = found.layers.flat().find(l => l.weight === weight && l.scheme === scheme)
      if (layer) return { layer, rank }
      throw new BantamError('internal', 'The plan names a layer that the model does not have.', {
        where: weight,
      })
    })
    const part = run && { ...run, context: within(run.context, 0, learnsBack(options) ? 0.2 : 1) }
    const divisions =
      options.error === 'activation'
        ? await fromSamples(found.model, wanted, options, plan.seed, part)
        : await fromWeights(found.model, wanted, part)
    return recover(
      {
        technique: plan.technique,
        pruned: await divided(found.model, divisions),
        original: model,
        ...{ options, decisions: plan.decisions, seed: plan.seed, run },
      },
      run && within(run.context, 0.2, 1),
    )
  },
}

type Wanted = { layer: LowRankLayer; rank: number }[]

async function fromWeights(model: Model, wanted: Wanted, run: ApplyInput | undefined): Promise<Division[]> {
  const divisions: Division[] = []
  for (const { layer, rank } of wanted) {
    divisions.push({ layer, rank, factors: factorsOf(matrixOf(model, layer), rank) })
    run?.context.progress(divisions.length / wanted.length, `Dividing ${layer.weight}`)
    if (run) await breathe(run.context)
  }
  return divisions
}

async function fromSamples(
  model: Model,
  wanted: Wanted,
  options: PruneLowRankOptions,
  seed: number,
  run: ApplyInput | undefined,
): Promise<Division[]> {
  if (!run) throw new BantamError('internal', 'Activations were to be looked at without data.')
  const from = { samples: samplesOf(run.training, options, seed), threads: run.threads }
  const ranks = new Map(wanted.map(({ layer, rank }) => [layer, rank]))
  const divisions: Division[] = []
  const { context } = run
  await eachMoment(model, [...ranks.keys()], from, within(context, 0, 0.5), async (layer, moment) => {
    const rank = ranks.get(layer) ?? 1
    divisions.push({ layer, rank, factors: factorsOf(matrixOf(model, layer), rank, moment) })
    context.progress(0.5 + (0.5 * divisions.length) / wanted.length, `Dividing ${layer.weight}`)
    await breathe(context)
  })
  return divisions
}

function adviseLowRank({ model }: { model: ModelSummary }, options: PruneLowRankOptions): Advice {
  const { amount, target } = options
  const counted = target === 'parameters' || target === 'bytes'
  const notes = recoveryNotes(options)
  if (target !== 'latency')
    notes.push({
      code: 'two-nodes',
      severity: 'info',
      message:
        'Every divided layer becomes two, and small layers gain less time than multiply-accumulates: choose the target latency to be sure.',
    })
  const exact = target === 'latency' ? { low: 1 - amount, high: 1 - amount } : null
  return {
    notes,
    sizeBytes: counted ? Math.round(model.sizeBytes * (1 - amount)) : null,
    latencyRatio: target === 'macs' ? { low: 1 - amount, high: 1.1 } : exact,
  }
}
