import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { type Feeds, fixedBatch, makeFeeds } from '../measure/inputs'
import { checkModel } from '../onnx/check'
import { readModel } from '../onnx/read'
import { REAL_MODELS } from '../onnx/testing'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import { TECHNIQUES } from '../techniques'
import { arrayDataset, testContext } from './testing'

/** Sizes of the text models' pictures, which the files leave open. */
const SIZES: Record<string, number[]> = { det: [1, 3, 320, 320], rec: [1, 3, 48, 320], cls: [1, 3, 48, 192] }

async function inputsFor(path: string, bytes: Uint8Array): Promise<Feeds | null> {
  const session = await openSession(bytes, { threads: 1 })
  const size = Object.entries(SIZES).find(([kind]) => basename(path).includes(`_${kind}_`))?.[1]
  const inputs = session.inputs.map(input => (size ? { ...input, shape: size } : input))
  const feeds = makeFeeds(inputs, fixedBatch(session.inputs) ?? 1)
  const runs = await session.run(feeds).then(
    () => true,
    () => false,
  )
  await session.close()
  return runs ? feeds : null
}

/** One sample, whatever it is. */
function single(feeds: Feeds): Dataset {
  return { ...arrayDataset({}), batch: () => Promise.resolve({ feeds }) }
}

describe.each(REAL_MODELS.map(path => [basename(path), path]))('%s', (_, path) => {
  test.each(TECHNIQUES.map(t => [t.id, t] as const))(
    '%s makes a model that loads and runs, or says why not',
    async (id, technique) => {
      const model = await readModel(path)
      const feeds = await inputsFor(path, serialize(model))
      const calibration =
        technique.needs !== 'nothing' && feeds
          ? { dataset: single(feeds), indices: Uint32Array.of(0) }
          : undefined
      try {
        const input = { model, calibration, seed: 0, threads: 1 }
        const plan = await technique.plan(input, technique.options.parse({}), testContext())
        const result = await technique.apply(model, plan)
        checkModel(result)
        const session = await openSession(serialize(result), { threads: 1 })
        const outputs = feeds ? await session.run(feeds) : {}
        await session.close()
        for (const tensor of Object.values(outputs)) {
          expect(Array.from(tensor.data as Float32Array).every(Number.isFinite)).toBe(true)
        }
        expect(
          plan.notes.some(n => n.code === 'quantized'),
          id,
        ).toBe(true)
        expect(serialize(result).length).toBeLessThan(serialize(model).length)
      } catch (error) {
        // Voice detectors hold everything in If nodes; the text detector and classifier have next to no matrix products.
        expect(error).toBeInstanceOf(BantamError)
        const { code, action } = error as BantamError
        expect(['unsupported', 'bad-data']).toContain(code)
        expect(action).toMatch(
          /subgraphs|subgraph of|dynamically quantized|Add a dataset|It has no|fewer than/,
        )
      }
    },
  )
})
