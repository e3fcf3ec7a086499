import { readdirSync, rmSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { allWeights, fineTuned, spiral, spiralNet, trainingContext } from './testing'
import { inspectProblem } from './testing-errors'

const opened: { clean(): void }[] = []
function fresh(o: Parameters<typeof trainingContext>[0] = {}) {
  const made = trainingContext(o)
  opened.push(made)
  return made
}
afterEach(() => {
  for (const one of opened.splice(0)) one.clean()
})

/** Asks once, after so many reports. */
function askAfter(steps: number, what: 'pause' | 'finish') {
  let seen = 0
  return { asked: () => (++seen === steps ? what : undefined) }
}

const quick = { epochs: 6, batch: 16, learningRate: 0.01 }

describe('the training loop', () => {
  it('learns, keeps the best epoch, and does the same again from the same seed', async () => {
    const options = { ...quick, epochs: 25 }
    const one = await fineTuned(options, { context: fresh().context })
    expect(one.record.ended).toBe('done')
    expect(one.record.epochs).toHaveLength(25)
    expect(one.record.best?.metric).toBeGreaterThan(0.9)
    expect(one.record.best?.metric).toBe(Math.max(...one.record.epochs.map(e => e.validation?.metric ?? 0)))
    expect(one.record.samples).toEqual({ train: 216, validation: 24 })
    expect(one.record.points.at(-1)?.loss).toBeLessThan((one.record.points[0]?.loss ?? 0) / 3)
    const again = await fineTuned(options, { context: fresh().context })
    expect(allWeights(again.model)).toEqual(allWeights(one.model))
    const other = await fineTuned(options, { context: fresh().context, seed: 1 })
    expect(allWeights(other.model)).not.toEqual(allWeights(one.model))
  })

  it.each([
    ['in the middle of an epoch', 20, {}],
    ['with averaged weights, accumulation and mixup', 9, { ema: 0.9, accumulate: 2, mixup: 0.4 }],
    ['of SGD with a loss scale', 31, { optimizer: 'sgd' as const, learningRate: 0.1, lossScale: 1024 }],
  ])('paused %s and taken up, ends bit for bit as if it had not been', async (_, steps, options) => {
    const whole = await fineTuned({ ...quick, ...options }, { context: fresh().context })
    const first = fresh(askAfter(steps, 'pause'))
    const paused = await inspectProblem(fineTuned({ ...quick, ...options }, { context: first.context }))
    expect(paused.code).toBe('paused')
    const { asked: _asked, ...rest } = first.context
    const resumed = await fineTuned({ ...quick, ...options }, { context: rest })
    expect(allWeights(resumed.model)).toEqual(allWeights(whole.model))
    expect(resumed.record.points).toEqual(whole.record.points)
    const curve = (r: typeof whole) => r.record.epochs.map(e => [e.epoch, e.loss, e.validation])
    expect(curve(resumed)).toEqual(curve(whole))
  })

  it.each([
    ['between steps', (abort: () => void) => abort()],
    ['while it breathes, as by a signal', (abort: () => void) => void setImmediate(abort)],
  ])('saves its place when it is cancelled %s', async (_, when) => {
    const { context, controller } = fresh()
    const seen = { steps: 0 }
    const asked = () => {
      if (++seen.steps === 12) when(() => controller.abort())
      return undefined
    }
    const cancelled = await inspectProblem(fineTuned(quick, { context: { ...context, asked } }))
    expect(cancelled.code).toBe('cancelled')
    expect(readdirSync(context.keepDir ?? '')).toContain('checkpoint')
    const resumed = await fineTuned(quick, { context: { ...context, signal: new AbortController().signal } })
    const whole = await fineTuned(quick, { context: fresh().context })
    expect(allWeights(resumed.model)).toEqual(allWeights(whole.model))
  })

  it('refuses the checkpoint of another training', async () => {
    const first = fresh(askAfter(5, 'pause'))
    await inspectProblem(fineTuned(quick, { context: first.context }))
    const other = await inspectProblem(fineTuned({ ...quick, batch: 32 }, { context: first.context }))
    expect(other).toMatchObject({
      code: 'conflict',
      message: 'The checkpoint belongs to a training with other options, model or data.',
    })
  })

  it('finishes when asked, with the best so far', async () => {
    const { record } = await fineTuned(quick, { context: fresh(askAfter(30, 'finish')).context })
    expect(record.ended).toBe('asked')
    expect(record.epochs.at(-1)?.epoch).toBeCloseTo(30 / 13, 5)
  })

  it('stops early after epochs without a better one', async () => {
    const { record } = await fineTuned(
      { ...quick, epochs: 50, patience: 2, learningRate: 1e-9 },
      { context: fresh().context },
    )
    expect(record.ended).toBe('early')
    expect(record.epochs.length).toBeLessThan(50)
  })

  it('keeps the weights it began with when no epoch is better', async () => {
    const good = await fineTuned({ ...quick, epochs: 25 }, { context: fresh().context })
    const worse = await fineTuned(
      { ...quick, epochs: 1, optimizer: 'sgd', learningRate: 20, clip: 0 },
      { context: fresh().context, model: good.model },
    )
    expect(worse.record.best?.epoch).toBe(0)
    expect(allWeights(worse.model)).toEqual(allWeights(good.model))
  })

  it('says at which step it diverged, and what to try', async () => {
    const problem = await inspectProblem(
      fineTuned(
        { ...quick, loss: 'mse', optimizer: 'sgd', learningRate: 50, clip: 0, warmup: 0 },
        { context: fresh().context },
      ),
    )
    expect(problem).toMatchObject({ code: 'bad-option', where: 'learningRate' })
    expect(problem.message).toMatch(
      /^The training diverged at step \d+ \(epoch 1\): the loss is (NaN|Infinity|\d)/,
    )
    expect(problem.action).toBe('Try a learning rate of 5 or less, and gradient clipping.')
  })

  it('keeps the best weights when it diverges later', async () => {
    const data = spiral(240)
    let batches = 0
    const broken = {
      ...data,
      summary: { ...data.summary, inputs: [{ name: 'x', type: 'float32', shape: ['' as const] }] },
      async batch(indices: ArrayLike<number>) {
        const batch = await data.batch(indices)
        const { x } = batch.feeds
        if (x && ++batches > 40) x.data = new Float32Array(x.data.length).fill(Number.NaN)
        return batch
      },
    }
    const { record } = await fineTuned(quick, { context: fresh().context, dataset: broken })
    expect(record.ended).toBe('diverged')
    expect(record.notes[0]).toMatch(
      /^The training diverged at step \d+ \(epoch 3\): the loss is NaN, the part “labels” is NaN/,
    )
  })

  it('goes on when a checkpoint cannot be written', async () => {
    const { context, keepDir } = fresh(askAfter(10, 'pause'))
    rmSync(keepDir, { recursive: true })
    const paused = await inspectProblem(fineTuned(quick, { context }))
    expect(paused).toMatchObject({ code: 'no-space', where: keepDir })
    const { asked: _asked, ...rest } = context
    const { record } = await fineTuned(quick, { context: rest })
    expect(record.ended).toBe('done')
  })

  it('accumulated batches move the weights as one large batch does', async () => {
    const options = { epochs: 1, learningRate: 0.01, optimizer: 'sgd' as const, clip: 0, validation: 0 }
    const data = spiral(64)
    const large = await fineTuned({ ...options, batch: 32 }, { context: fresh().context, dataset: data })
    const small = await fineTuned(
      { ...options, batch: 16, accumulate: 2 },
      { context: fresh().context, dataset: data },
    )
    const [a, b] = [allWeights(large.model), allWeights(small.model)]
    expect(Math.max(...a.map((v, i) => Math.abs(v - (b[i] ?? 0))))).toBeLessThan(1e-6)
  })

  it('leaves frozen weights as they are', async () => {
    const before = spiralNet()
    const { model, plan } = await fineTuned({ ...quick, freeze: ['w0', 'b*'] }, { context: fresh().context })
    const at = (m: typeof model, name: string) => [
      ...(m.graph.initializer(name)?.floatData ?? []),
      ...(m.graph.initializer(name)?.rawData ?? []),
    ]
    expect(at(model, 'w0')).toEqual(at(before, 'w0'))
    expect(at(model, 'b2')).toEqual(at(before, 'b2'))
    expect(at(model, 'w2')).not.toEqual(at(before, 'w2'))
    expect(plan.decisions.trainableParameters).toBe(32 * 32 + 32 * 3)
  })

  it.each([
    ['a frozen name that is none', { freeze: ['nope'] }, 'bad-option', 'No weight is called nope.'],
    [
      'everything frozen',
      { freeze: ['*'] },
      'bad-option',
      'All weights are frozen, so there is nothing to train.',
    ],
    [
      'a picture augmentation',
      { augment: ['flip' as const] },
      'bad-option',
      'The augmentation flip needs pictures in float32, such as [3, 32, 32]; a sample here is x float32 [2].',
    ],
    ['one logit’s loss', { loss: 'huber' as const, mixup: 0 }, undefined, undefined],
  ])('refuses %s', async (_, options, code, message) => {
    const run = fineTuned({ ...quick, epochs: 1, ...options }, { context: fresh().context })
    if (!code) return expect((await run).record.ended).toBe('done')
    expect(await inspectProblem(run)).toMatchObject({ code, message })
  })

  it('refuses labels that the answer has no place for, and samples of one class', async () => {
    const wide = spiral(60, { classes: 5 })
    expect(await inspectProblem(fineTuned(quick, { context: fresh().context, dataset: wide }))).toMatchObject(
      {
        code: 'bad-data',
        message: 'The labels are of 5 classes, but the answer logits [batch, 3] has 3.',
      },
    )
    const data = spiral(60)
    const labels = () => new Float64Array(60)
    expect(
      await inspectProblem(fineTuned(quick, { context: fresh().context, dataset: { ...data, labels } })),
    ).toMatchObject({ code: 'bad-data', message: 'All samples to learn from are of one class, a.' })
    const none = spiral(60, { labelled: false })
    expect(await inspectProblem(fineTuned(quick, { context: fresh().context, dataset: none }))).toMatchObject(
      {
        code: 'bad-data',
        message: 'Fine-tuning needs labelled samples.',
      },
    )
  })
})
