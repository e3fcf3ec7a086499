/** What a quantization would do, through the contract, on the shipped digits. */
import { expect, test } from 'vitest'
import { sampleModelPath } from '../data/source'
import { withBench } from './testing'

const step = (options: Record<string, unknown> = {}) => ({
  technique: 'quantize.static-int8',
  options: { samples: 60, reduceRange: true, ...options },
})

test('[J28] what a quantization would do is shown from kept statistics', async () => {
  await withBench(async ({ client, ended, grant }) => {
    const quiet = async () => {
      for (const job of await client.jobs.list()) await client.jobs.cancel({ id: job.id })
      for (const job of await client.jobs.list()) await ended(job.id)
    }
    const { id: study } = await client.studies.create({ name: 'Digits' })
    const imported = await client.models.import({ study, file: grant(sampleModelPath('digits')) })
    const parent = (await ended(imported.id)).result ?? ''
    await quiet()
    await expect(client.quantize.preview({ parent, step: step() })).rejects.toThrow(/has none/)
    // What needs no data has its size and speed without.
    const bare = await client.quantize.preview({
      parent,
      step: { technique: 'quantize.weight-int8', options: {} },
    })
    expect(bare).toMatchObject({ worth: null, int8: null, latency: { ratio: expect.any(Number) } })
    expect(bare.sizeBytes.after / bare.sizeBytes.before).toBeLessThan(0.3)
    const file = 'sample:digits#0:600'
    const { suggestion: spec } = await client.datasets.probe({ study, file: 'sample:digits' })
    await ended(
      (
        await client.datasets.import({
          study,
          file: 'sample:digits',
          name: 'Digits',
          spec: { ...spec, source: file },
        })
      ).id,
    )
    await quiet()

    const shown = await client.quantize.preview({ parent, step: step() })
    expect(shown).toMatchObject({ worth: { metric: 'accuracy' }, int8: { nodes: 10 } })
    const { samples = 0, reference = 0, quantized } = shown.worth ?? {}
    expect(samples).toBeGreaterThan(100)
    expect(shown.int8?.macs).toBeCloseTo(1, 5)
    expect(reference).toBeGreaterThan(0.9)
    expect(quantized?.value).toBeCloseTo(reference - (quantized?.drop.value ?? 0), 10)
    expect(shown.sizeBytes.after / shown.sizeBytes.before).toBeLessThan(0.27)
    const { ratio = 0, low = 1, high = 0 } = shown.latency ?? {}
    expect(low).toBeLessThanOrEqual(ratio)
    expect(high).toBeGreaterThanOrEqual(ratio)

    const start = performance.now()
    const other = await client.quantize.preview({ parent, step: step({ exclude: ['/conv2'] }) })
    expect((performance.now() - start) / 1000).toBeLessThan(10)
    expect(other.int8?.macs).toBeLessThan(0.2)
    expect(other.notes).toContain('Conv /conv2 stays in float: excluded.')

    const half = await client.quantize.preview({
      parent,
      step: { technique: 'quantize.float16', options: {} },
    })
    expect(half).toMatchObject({ worth: { metric: 'accuracy', samples }, int8: null })
    expect(half.sizeBytes.after / half.sizeBytes.before).toBeCloseTo(0.5, 1)

    await expect(
      client.quantize.preview({ parent, step: { technique: 'quantize.mixed', options: {} } }),
    ).rejects.toMatchObject({ data: { code: 'bad-option', where: 'technique' } })
    await expect(client.quantize.preview({ parent, step: step({ bins: 1 }) })).rejects.toMatchObject({
      data: { code: 'bad-option', where: 'bins' },
    })
  })
}, 120_000)
