import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PruneChannelsOptions, PruneWidthOptions } from '../../shared/prune'
import type { TrainingRecord } from '../../shared/training'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { serialize } from '../onnx/write'
import { modelCosts } from '../structure/model-cost'
import { sizeModel } from '../structure/sizes'
import { difference, fixturePath, runModel } from '../structure/testing'
import type { ApplyInput, PlanInput } from '../technique'
import { fineTuned, spiral, spiralNet, trainingContext } from '../training/testing'
import { inspectProblem } from '../training/testing-errors'
import { pruneChannels, pruneFfn, pruneHeads } from './structured'
import { StructuredDecisions } from './structured-plan'

let run: ReturnType<typeof trainingContext>
beforeEach(() => {
  run = trainingContext()
})
afterEach(() => run.clean())

const dataset = spiral(240)
const samples = { dataset, indices: dataset.indices('all') }

function input(model: Model, more: Partial<PlanInput> = {}): PlanInput {
  return { model, seed: 0, threads: 1, device: 'cpu', ...more }
}

async function channels(model: Model, o: Partial<PruneChannelsOptions>, more: Partial<PlanInput> = {}) {
  const options = PruneChannelsOptions.parse({ multiple: 1, batch: 16, ...o })
  const { keepDir: _, ...context } = run.context
  const plan = await pruneChannels.plan(input(model, more), options, context)
  const records: TrainingRecord[] = []
  const applied: ApplyInput = {
    training: samples,
    threads: 1,
    device: 'cpu',
    context,
    record: record => records.push(record),
  }
  const made = await pruneChannels.apply(model, plan, pruneChannels.learns?.(options) ? applied : undefined)
  return {
    plan,
    decisions: StructuredDecisions.parse(plan.decisions),
    made,
    record: records.at(-1),
    options,
    applied,
  }
}

describe('structured pruning', () => {
  const kinds = ['resnet.torchscript', 'mobilenetv3.dynamo', 'unet.torchscript', 'bert.dynamo', 'lstm.dynamo']
  it.each(kinds)('%s loses what the plan says, and runs', async name => {
    const model = await readModel(fixturePath(`${name}.onnx`))
    const { decisions, made } = await channels(model, {
      amount: 0.3,
      target: 'channels',
      kinds: ['channels', 'ffn', 'heads', 'hidden', 'embedding'],
    })
    checkModel(made)
    const [before, after] = await modelCosts([model, made])
    expect(decisions.before).toMatchObject({ parameters: before?.parameters, macs: before?.macs })
    expect(decisions.after.parameters).toBe(after?.parameters)
    expect(Math.abs(decisions.after.macs / (after?.macs ?? 0) - 1)).toBeLessThan(0.002)
    const { inputs } = await sizeModel(model)
    const [whole, pruned] = [await runModel(model, inputs), await runModel(made, inputs)]
    expect(Object.values(pruned).map(t => t.dims)).toEqual(Object.values(whole).map(t => t.dims))
    expect(Number.isFinite(difference(whole, pruned))).toBe(true)
  })

  it('meets a share of operations, parameters or bytes', async () => {
    const model = spiralNet(64)
    for (const target of ['macs', 'parameters', 'bytes'] as const) {
      const { decisions } = await channels(model, { amount: 0.5, target })
      expect(Math.abs(decisions.after[target] / decisions.before[target] - 0.5)).toBeLessThan(0.02)
    }
  })

  it('keeps the share chosen by hand, and meets the target with the rest', async () => {
    const { decisions } = await channels(spiralNet(64), {
      amount: 0.5,
      widths: [{ group: 'w0[1]', keep: 0.75 }],
    })
    expect(decisions.changes.map(c => [c.id, c.to])).toContainEqual(['w0[1]', 48])
    expect(Math.abs(decisions.after.macs / decisions.before.macs - 0.5)).toBeLessThan(0.02)
  })

  it('gives the same bytes for the same plan, and chooses anew in every round without recovery', async () => {
    const model = spiralNet(32)
    const { plan, decisions, made } = await channels(model, { amount: 0.6, steps: 3 })
    expect(decisions.rounds).toHaveLength(3)
    expect(decisions.rounds.every(round => round.keep !== null)).toBe(true)
    expect(serialize(await pruneChannels.apply(model, plan))).toEqual(serialize(made))
    expect((await modelCosts([made]))[0]?.parameters).toBe(decisions.after.parameters)
  })

  it('recovers by its original, in rounds told as one training', async () => {
    const { model } = await fineTuned(
      { epochs: 30, batch: 16, learningRate: 0.01 },
      { context: { ...run.context } },
    )
    const o = { amount: 0.6, recover: 4, learningRate: 0.01, steps: 2, importance: 'taylor' as const }
    const { decisions, made, record, plan, applied } = await channels(model, o, {
      calibration: samples,
      training: samples,
    })
    expect(decisions.rounds.map(round => round.keep === null)).toEqual([false, true])
    expect(record?.totalEpochs).toBe(8)
    expect(record?.epochs.map(e => e.epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(record?.ended).toBe('done')
    expect(record?.best?.metric).toBeGreaterThan(0.85)
    expect(plan.decisions).toMatchObject({ losses: ['labels', 'kd'], samples: expect.any(Number) })
    expect((await modelCosts([made]))[0]?.parameters).toBe(decisions.after.parameters)
    expect(serialize(await pruneChannels.apply(model, plan, applied))).toEqual(serialize(made))
  }, 30_000)

  it('recovers by labels, and by statistics without any', async () => {
    const { model } = await fineTuned(
      { epochs: 30, batch: 16, learningRate: 0.01 },
      { context: { ...run.context } },
    )
    const more = { calibration: samples, training: samples }
    const tuned = await channels(model, { amount: 0.5, recovery: 'labels', recover: 2 }, more)
    expect(tuned.record?.parts).toEqual(['labels'])
    const shifted = await channels(model, { amount: 0.5, recovery: 'statistics' }, more)
    expect(shifted.record).toBeUndefined()
    expect(shifted.plan.decisions).toMatchObject({ from: 'train', threads: 1 })
    const plain = await channels(model, { amount: 0.5 }, more)
    expect(serialize(shifted.made)).not.toEqual(serialize(plain.made))
  }, 30_000)

  it('takes whole heads, or the inside of blocks', async () => {
    const model = await readModel(fixturePath('bert.dynamo.onnx'))
    const options = PruneWidthOptions.parse({ amount: 0.5, target: 'channels', multiple: 1 })
    for (const [technique, kind] of [
      [pruneHeads, 'heads'],
      [pruneFfn, 'ffn'],
    ] as const) {
      const plan = await technique.plan(input(model), options, run.context)
      const { changes } = StructuredDecisions.parse(plan.decisions)
      expect(new Set(changes.map(c => c.kind))).toEqual(new Set([kind]))
      expect(changes.every(c => c.to === c.from / 2)).toBe(true)
      checkModel(await technique.apply(model, plan))
    }
  })

  it('refuses what cannot be done, and says what can', async () => {
    const net = spiralNet(8)
    const problem = (o: Partial<PruneChannelsOptions>, model = net) =>
      inspectProblem(channels(model, o)).then(({ code, message }) => `${code}: ${message}`)
    expect(await problem({ amount: 0.99, least: 0.5 })).toMatch(
      /^bad-option: At most \d+ % of the multiply-accumulates can go/,
    )
    expect(await problem({ widths: [{ group: 'nowhere', keep: 0.5 }] })).toMatch(/no group nowhere/)
    expect(await problem({ exclude: ['nothing*'] })).toMatch(/Nothing of the network is called nothing/)
    expect(await problem({ importance: 'taylor' })).toMatch(/^bad-data/)
    expect(await problem({ recover: 1 })).toMatch(/^bad-data: Recovery needs samples/)
    expect(await problem({ kinds: ['heads'] })).toMatch(/^unsupported: The network has none of these: heads/)
  })
})
