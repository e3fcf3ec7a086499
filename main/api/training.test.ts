/** Trainings through the contract, with the real engine: a student of the digits teacher on a small part of the data. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DatasetSpec, Job } from '../../shared/domain'
import { sampleModelPath } from '../data/source'
import { quiet, type TestBench, withBench } from './testing'

const OPTIONS = { student: 'slim:0.5', epochs: 6, batch: 32, validation: 0.2 }

/** A study with the digits teacher and some digits; answers with the teacher's id. */
async function digits(desk: TestBench): Promise<{ study: string; teacher: string }> {
  const { client, grant, ended } = desk
  const { id: study } = await client.studies.create({ name: 'Digits' })
  const model = await ended(
    (await client.models.import({ study, file: grant(sampleModelPath('digits')) })).id,
  )
  await quiet(desk)
  const data = await addData(desk, study, {})
  expect([model.error, data.error]).toEqual([null, null])
  await quiet(desk)
  return { study, teacher: model.result ?? '' }
}

async function addData(
  { client, ended }: TestBench,
  study: string,
  choices: Partial<DatasetSpec>,
): Promise<Job> {
  const file = 'sample:digits'
  const { suggestion } = await client.datasets.probe({ study, file })
  const spec = { ...suggestion, source: 'sample:digits#0:300', ...choices }
  return ended((await client.datasets.import({ study, file, name: 'Some digits', spec })).id)
}

/** Waits until a training has done so many steps. */
async function steps({ client }: TestBench, { id }: Job, count: number): Promise<void> {
  for (;;) {
    const record = await client.training.job({ id })
    if ((record?.points.at(-1)?.step ?? 0) >= count) return
    const job = (await client.jobs.list()).find(j => j.id === id)
    expect(job?.error).toBeNull()
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

test('[J16] [J18] [J20] [J22] a student paused and resumed is, bit for bit, the one trained in one go', async () => {
  await withBench(async desk => {
    const { client, ended } = desk
    const { study, teacher } = await digits(desk)
    const step = { technique: 'distill.student', options: OPTIONS }
    const job = await client.variants.create({ parent: teacher, step, name: 'Paused' })
    expect(job.training).toBe(true)
    await steps(desk, job, 1)
    await client.jobs.pause({ id: job.id })
    const paused = await ended(job.id)
    expect(paused).toMatchObject({ state: 'paused', error: null })
    const before = await client.training.job({ id: job.id })
    expect(before?.ended).toBeNull()
    // What is set meanwhile is for other jobs.
    await client.settings.set({ threads: 1 })
    await client.jobs.resume({ id: job.id })
    const done = await ended(job.id)
    expect([done.state, done.error]).toEqual(['done', null])
    await client.settings.set({ threads: 0 })
    const whole = await ended((await client.variants.create({ parent: teacher, step, name: 'Whole' })).id)
    expect(whole.error).toBeNull()

    const { variants } = await client.studies.get({ id: study })
    const [a, b] = [done, whole].map(({ result }) => variants.find(v => v.id === result))
    expect(a?.model).toBe(b?.model)
    expect(a?.summary.parameters).toBeLessThan(0.5 * (variants[0]?.summary.parameters ?? 0))
    const [x, y] = [a, b].map(v => client.training.variant({ id: v?.id ?? '' }))
    const [left, right] = [await x, await y]
    expect(left?.points).toEqual(right?.points)
    expect(left).toMatchObject({ technique: 'distill.student', ended: 'done', totalEpochs: 6 })
    expect(left?.epochs).toHaveLength(6)
  })
}, 240_000)

test('[J18] [J22] one finished early becomes a variant, from which the next student may start', async () => {
  await withBench(async desk => {
    const { client, ended, folder } = desk
    const { study, teacher } = await digits(desk)
    const make = (technique: string, options: Record<string, unknown>) =>
      client.variants.create({ parent: teacher, step: { technique, options } })
    const job = await make('distill.student', { ...OPTIONS, epochs: 10_000 })
    await steps(desk, job, 20)
    await client.jobs.finish({ id: job.id })
    const { result, error } = await ended(job.id)
    expect(error).toBeNull()
    expect((await client.training.variant({ id: result ?? '' }))?.ended).toBe('asked')

    const options = { ...OPTIONS, epochs: 10_000, student: `variant:${result}` }
    const second = await make('distill.student', options)
    await steps(desk, second, 1)
    await client.jobs.cancel({ id: second.id })
    expect((await ended(second.id)).state).toBe('cancelled')
    expect(readdirSync(join(folder, 'checkpoints'))).toEqual([])

    const before = (await client.jobs.list()).length
    await expect(make('distill.student', { ...options, student: 'variant:gone' })).rejects.toMatchObject({
      data: { code: 'not-found', where: 'variant:gone' },
    })
    const bare = await addData(desk, study, { labels: null, task: 'none' })
    expect(bare.error).toBeNull()
    await quiet(desk)
    await expect(make('train.labels', {})).rejects.toMatchObject({
      data: { code: 'bad-data', message: 'Fine-tune on labels needs labels, and Some digits has none.' },
    })
    expect((await client.jobs.list()).length).toBe(before + 2) // the import and its measurement
  })
}, 240_000)
