/** Quantization through the contract, with the real engine: a small net and a table of points. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createRouterClient } from '@orpc/server'
import { expect, test } from 'vitest'
import { nodeHost } from '../jobs/host'
import { addPoints, withNet } from './testing-net'
import { openWorkbench } from './workbench'

test('[J27] a job measures every layer; one is looked into from what the job kept', async () => {
  await withNet(16, async desk => {
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
  await withNet(16, async desk => {
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
