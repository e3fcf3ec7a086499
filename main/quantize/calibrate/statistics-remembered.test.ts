import { expect, test } from 'vitest'
import { type CollectedStatistics, memoryStore } from './statistics'
import { remembered } from './statistics-remembered'

test('is read once, and keeps what is put for others too', async () => {
  const [first, second]: CollectedStatistics[] = [1, 2].map(samples => ({
    samples,
    values: new Map(),
    notes: [],
  }))
  const below = memoryStore()
  await below.put('a', first as CollectedStatistics)
  let reads = 0
  const counted = {
    ...below,
    get: (key: string) => {
      reads++
      return below.get(key)
    },
  }
  const store = remembered(counted)
  expect([await store.get('a'), await store.get('a'), reads]).toEqual([first, first, 1])
  await store.put('b', second as CollectedStatistics)
  expect([await store.get('b'), reads, await below.get('b')]).toEqual([second, 1, second])
  expect(await store.get('c')).toBeUndefined()
})
