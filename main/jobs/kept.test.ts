import { expect, test } from 'vitest'
import { Kept } from './kept'

test('a value is made once; the one used longest ago makes room', async () => {
  const made: string[] = []
  const gone: string[] = []
  const kept = new Kept<string>(2, value => gone.push(value))
  const get = (key: string) =>
    kept.get(key, async () => {
      made.push(key)
      return key
    })
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) expect(await get(key)).toBe(key)
  expect(made).toEqual(['a', 'b', 'c', 'b'])
  expect(gone).toEqual(['b', 'c'])
})

test('a failure is not kept', async () => {
  const kept = new Kept<number>(2)
  await expect(kept.get('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await kept.get('a', async () => 1)).toBe(1)
})
