import { expect, it } from 'vitest'
import type { Dataset } from '../data/dataset'
import { memoryDataset, testContext } from '../measure/testing'
import { openSamples } from './samples'
import { inspectProblem } from './testing-errors'

function counted(labels?: number[]) {
  const values = Float32Array.from({ length: 600 * 3 }, (_, i) => i)
  const dataset = memoryDataset({
    inputs: { x: { shape: [3], values } },
    ...(labels ? { labels, task: 'classification', classes: ['a', 'b'] } : {}),
  })
  let reads = 0
  const counting: Dataset = {
    ...dataset,
    batch: indices => {
      reads += indices.length
      return dataset.batch(indices)
    },
  }
  return { dataset: counting, reads: () => reads }
}

it('reads each sample once, and gives any of them in any order, in arrays of their own', async () => {
  const labels = Array.from({ length: 600 }, (_, i) => i % 2)
  const { dataset, reads } = counted(labels)
  const indices = Uint32Array.from({ length: 300 }, (_, i) => 2 * i)
  const samples = await openSamples(dataset, indices, testContext('.'))
  expect(reads()).toBe(300)
  const wanted = Uint32Array.of(598, 0, 4)
  const first = await samples.batch(wanted)
  expect(first).toEqual({
    feeds: {
      x: { type: 'float32', dims: [3, 3], data: Float32Array.of(1794, 1795, 1796, 0, 1, 2, 12, 13, 14) },
    },
    labels: Float64Array.of(0, 0, 0),
  })
  const mine = first.feeds.x?.data
  if (mine instanceof Float32Array) mine.fill(-1)
  expect((await samples.batch(wanted)).feeds.x?.data[0]).toBe(1794)
  expect(reads()).toBe(300)
})

it('gives no labels where there are none', async () => {
  const { dataset } = counted()
  const samples = await openSamples(dataset, Uint32Array.of(1, 2), testContext('.'))
  expect((await samples.batch(Uint32Array.of(2))).labels).toBeUndefined()
})

it('reads anew where samples vary in length or hold text', async () => {
  for (const [type, shape] of [
    ['float32', ['length']],
    ['string', [1]],
  ] as const) {
    const { dataset, reads } = counted()
    const varying = {
      ...dataset,
      summary: { ...dataset.summary, inputs: [{ name: 'x', type, shape: [...shape] }] },
    }
    const samples = await openSamples(varying, Uint32Array.of(1, 2), testContext('.'))
    expect(reads()).toBe(0)
    await samples.batch(Uint32Array.of(1))
    await samples.batch(Uint32Array.of(1))
    expect(reads()).toBe(2)
  }
})

it('reads anew where a chunk turns out to have another shape', async () => {
  const { dataset } = counted()
  const uneven: Dataset = {
    ...dataset,
    batch: async indices => {
      const batch = await dataset.batch(indices)
      const { x } = batch.feeds
      if (x && indices[0] !== 0)
        batch.feeds.x = { ...x, dims: [indices.length, 6], data: new Float32Array(6 * indices.length) }
      return batch
    },
  }
  const all = dataset.indices('all')
  const samples = await openSamples(uneven, all, testContext('.'))
  expect((await samples.batch(Uint32Array.of(0))).feeds.x?.dims).toEqual([1, 3])
  expect((await samples.batch(Uint32Array.of(5))).feeds.x?.dims).toEqual([1, 6])
})

it('can be stopped while it reads', async () => {
  const { dataset } = counted()
  const context = testContext('.')
  context.abort()
  expect((await inspectProblem(openSamples(dataset, dataset.indices('all'), context))).code).toBe('cancelled')
})
