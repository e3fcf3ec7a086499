/** Quantization through the contract, with the real engine: a small net and a table of points. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRouterClient } from '@orpc/server'
import { expect, test } from 'vitest'
import { nodeHost } from '../jobs/host'
import { writeModel } from '../onnx/write'
import { spiral, spiralNet } from '../training/testing'
import { type TestBench, withBench } from './testing'
import { openWorkbench } from './workbench'

interface Desk extends TestBench {
  study: string
  teacher: string
}

/** A study with a small net and points, half of them for testing. */
async function withNet(work: (desk: Desk) => Promise<void>): Promise<void> {
  await withBench(async test => {
    const { client, folder, grant, ended } = test
    const { id: study } = await client.studies.create({ name: 'Spiral' })
    const file = join(folder, 'net.onnx')
    await writeModel(spiralNet(16), file)
    const { result } = await ended((await client.models.import({ study, file: grant(file) })).id)
    const desk = { ...test, study, teacher: result ?? '' }
    await quiet(desk)
    await work(desk)
  })
}

async function addPoints({ client, folder, grant, ended, study, ...desk }: Desk): Promise<void> {
  const data = spiral(240)
  const { feeds, labels } = await data.batch(data.indices('all'))
  const x = feeds.x?.data ?? []
  const rows = Array.from({ length: 240 }, (_, i) => `${x[2 * i]},${x[2 * i + 1]},arm${labels?.[i]}`)
  const path = join(folder, 'points.csv')
  writeFileSync(path, `a,b,label\n${rows.join('\n')}\n`)
  const file = grant(path)
  const { suggestion } = await client.datasets.probe({ study, file })
  const spec = { ...suggestion, inputs: { x: ['a', 'b'] } }
  const job = await ended((await client.datasets.import({ study, file, name: 'Points', spec })).id)
  expect(job.error).toBeNull()
  await quiet({ client, ended, ...desk })
}

/** Cancels the measurements that imports queue. */
async function quiet({ client, ended }: Pick<TestBench, 'client' | 'ended'>): Promise<void> {
  for (const job of await client.jobs.list()) await client.jobs.cancel({ id: job.id })
  for (const job of await client.jobs.list()) await ended(job.id)
}

test('[J27] a job measures every layer; one is looked into from what the job kept', async () => {
  await withNet(async desk => {
    const { client, ended, folder, teacher: variant } = desk
    await expect(client.quantize.measure({ variant })).rejects.toThrow(/has none/)
    await addPoints(desk)
    expect(await client.quantize.sensitivity({ variant })).toBeNull()
    const stranger = { variant, options: { calibration: 'guess' } }
    await expect(client.quantize.measure(stranger)).rejects.toThrow(/calibration|Static int8/)

    const job = await ended((await client.quantize.measure({ variant, samples: 50 })).id)
    expect(job).toMatchObject({ error: null, kind: 'quantize-sensitivity', state: 'done' })
    const found = await client.quantize.sensitivity({ variant })
    expect(found).toMatchObject({ metric: 'accuracy', samples: 50, options: { calibration: 'minmax' } })
    const ids = found?.layers.map(layer => layer.id) ?? []
    expect(ids.length).toBeGreaterThan(1)
    expect(readdirSync(join(folder, 'statistics')).length).toBe(1)
    expect(existsSync(join(folder, 'checkpoints', job.id))).toBe(false)

    const detail = await client.quantize.layer({ variant, layer: ids[0] ?? '' })
    expect(detail.tensors.map(t => [t.name, t.role])).toEqual(
      found?.layers[0]?.tensors.map(t => [t.name, t.role]),
    )
    const [input] = detail.tensors
    expect(input?.ranges.map(r => r.calibration)).toEqual(['minmax', 'percentile', 'entropy', 'mse'])
    const counted = input?.histogram.counts.reduce((sum, count) => sum + count, 0) ?? 0
    expect(counted % 2).toBe(0)
    expect(input?.channels?.min.length).toBe(2)
    expect(detail.findings.length).toBeGreaterThan(0)
    await expect(client.quantize.layer({ variant, layer: 'nothing' })).rejects.toThrow(/not among those/)
  })
})

test('[J28] a measurement that is cut off shows the layers that are done, and goes on', async () => {
  await withNet(async desk => {
    await addPoints(desk)
    const { client, bench, folder, teacher: variant } = desk
    const { id } = await client.quantize.measure({ variant, samples: 100 })
    const kept = join(folder, 'checkpoints', id, 'sensitivity.json')
    while (!existsSync(kept)) await new Promise(resolve => setTimeout(resolve, 5))
    const soFar = await client.quantize.sensitivity({ variant })
    expect(soFar?.samples).toBe(100)
    await bench.close()
    const again = openWorkbench({ folder, host: nodeHost(), shell: 'host', sample: false })
    try {
      while (['queued', 'running'].includes(again.queue.read(id).state))
        await new Promise(resolve => setTimeout(resolve, 20))
      expect(again.queue.read(id)).toMatchObject({ state: 'done', error: null })
      const whole = await createRouterClient(again.router).quantize.sensitivity({ variant })
      expect(whole?.layers.length).toBeGreaterThan(1)
      expect(whole?.layers.slice(0, soFar?.layers.length)).toEqual(soFar?.layers)
    } finally {
      await again.close()
    }
  })
})
