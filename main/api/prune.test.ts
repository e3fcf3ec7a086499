/** Pruning through the contract, with the real engine: a small net and a table of points. */
import { expect, test } from 'vitest'
import { addPoints, withNet } from './testing-net'

const channels = (options: Record<string, unknown> = {}) => ({
  technique: 'prune.channels',
  options: { multiple: 1, ...options },
})

test('[J24] what pruning would do is shown before the job, and the job does it', async () => {
  await withNet(64, async desk => {
    const { client, ended, study, teacher } = desk
    const preview = (step: { technique: string; options: Record<string, unknown> }) =>
      client.prune.preview({ parent: teacher, step })
    const step = channels({ amount: 0.4 })
    const shown = await preview(step)
    const { summary } = (await client.studies.get({ id: study })).variants[0] ?? {}
    expect(shown.before).toMatchObject({ parameters: summary?.parameters, macs: summary?.macs })
    expect(shown.sizeBytes.before).toBe(summary?.sizeBytes)
    expect(shown.after.macs / shown.before.macs).toBeCloseTo(0.6, 1)
    expect(shown.changes.map(c => [c.id, c.from])).toEqual([
      ['w0[1]', 64],
      ['w1[1]', 64],
    ])
    const { ratio = 0, low = 0, high = 0 } = shown.latency ?? {}
    expect(low).toBeLessThanOrEqual(ratio)
    expect(high).toBeGreaterThanOrEqual(ratio)
    // What is left to the job changes nothing of what is shown.
    const alike = await preview(channels({ amount: 0.4, recover: 5, steps: 3 }))
    expect(alike).toEqual(shown)

    await expect(preview({ technique: 'quantize.float16', options: {} })).rejects.toMatchObject({
      data: { code: 'bad-option', message: 'quantize.float16 does not prune.' },
    })
    await expect(preview(channels({ amount: 2 }))).rejects.toMatchObject({
      data: { code: 'bad-option', where: 'amount' },
    })
    await expect(preview(channels({ amount: 0.99, least: 0.5 }))).rejects.toMatchObject({
      data: { code: 'bad-option', where: 'amount' },
    })

    const job = await client.variants.create({ parent: teacher, step })
    expect(job.training).toBe(false)
    const { result, error } = await ended(job.id)
    expect(error).toBeNull()
    const made = (await client.studies.get({ id: study })).variants.find(v => v.id === result)
    expect(made?.summary).toMatchObject({
      parameters: shown.after.parameters,
      macs: shown.after.macs,
    })
    const plan = await client.variants.plan({ id: result ?? '' })
    expect(plan?.decisions).toMatchObject({ changes: shown.changes.map(({ id, to }) => ({ id, to })) })

    // Without data nothing is recovered, scored on samples, or measured.
    const make = (options: Record<string, unknown>) =>
      client.variants.create({ parent: teacher, step: channels(options) })
    for (const [options, what] of [
      [{ recover: 1 }, 'recovery distill'],
      [{ recovery: 'statistics' }, 'recovery statistics'],
      [{ importance: 'taylor' }, 'importance taylor'],
    ] as const) {
      await expect(make(options)).rejects.toMatchObject({
        data: {
          code: 'bad-data',
          message: `Prune channels with ${what} needs data, and the study has none.`,
        },
      })
    }
    await expect(client.prune.measure({ variant: teacher })).rejects.toMatchObject({
      data: { code: 'bad-data' },
    })
    expect(await client.prune.sensitivity({ variant: teacher })).toBeNull()
  })
}, 240_000)

test('[J25] sensitivity is kept for the model and the data it was measured on', async () => {
  await withNet(64, async desk => {
    const { client, ended, teacher } = desk
    await addPoints(desk)
    const job = await client.prune.measure({ variant: teacher, keeps: [0.25, 0.5], samples: 60 })
    expect(job).toMatchObject({ kind: 'sensitivity', title: 'Sensitivity of net', training: false })
    expect((await ended(job.id)).error).toBeNull()
    const found = await client.prune.sensitivity({ variant: teacher })
    expect(found).toMatchObject({ metric: 'accuracy', importance: 'l2' })
    expect(found?.samples).toBeLessThanOrEqual(60)
    expect(found?.curves.map(c => [c.id, c.points.map(p => p.keep)])).toEqual([
      ['w0[1]', [0.5, 0.25]],
      ['w1[1]', [0.5, 0.25]],
    ])
    // The newest counts; of other data there is none.
    const again = await client.prune.measure({ variant: teacher, keeps: [0.5], samples: 30 })
    await ended(again.id)
    expect((await client.prune.sensitivity({ variant: teacher }))?.curves[0]?.points).toHaveLength(1)
    await addPoints(desk, { labels: null, task: 'none' })
    expect(await client.prune.sensitivity({ variant: teacher })).toBeNull()
  })
}, 240_000)

test('[J16] [J20] recovery is a training, told as one over its rounds', async () => {
  await withNet(64, async desk => {
    const { client, ended, study, teacher } = desk
    await addPoints(desk)
    const step = channels({ amount: 0.5, recover: 2, steps: 2, importance: 'taylor', samples: 40 })
    const job = await client.variants.create({ parent: teacher, step })
    expect(job.training).toBe(true)
    const { result, error } = await ended(job.id)
    expect(error).toBeNull()
    const record = await client.training.variant({ id: result ?? '' })
    expect(record).toMatchObject({ technique: 'prune.channels', ended: 'done', totalEpochs: 4 })
    expect(record?.epochs.map(e => e.epoch)).toEqual([1, 2, 3, 4])
    const { variants } = await client.studies.get({ id: study })
    const made = variants.find(v => v.id === result)
    expect(made?.summary.macs).toBeLessThan(0.6 * (variants[0]?.summary.macs ?? 0))
  })
}, 240_000)
