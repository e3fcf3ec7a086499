import { expect, test } from 'vitest'
import { BantamError } from '../../shared/errors'
import { NewestFirst } from './newest-first'

const tick = () => new Promise(resolve => setTimeout(resolve, 1))

test('one at a time, the newest first; what was stopped is begun again', async () => {
  const queue = new NewestFirst()
  const begun: string[] = []
  let open = 0
  const ask = (name: string, stops: boolean) =>
    queue.add(async signal => {
      begun.push(name)
      expect(++open).toBe(1)
      try {
        for (let i = 0; i < 5; i++) {
          await tick()
          if (stops && signal.aborted) throw new BantamError('cancelled', 'Cancelled.')
        }
        return name
      } finally {
        open--
      }
    })
  const answers = [ask('a', true), ask('b', false), ask('c', false)]
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c'])
  expect(begun).toEqual(['a', 'c', 'b', 'a'])
})

test('a failure is its question’s own', async () => {
  const queue = new NewestFirst()
  const failing = queue.add(async () => {
    throw new BantamError('bad-option', 'No.')
  })
  await expect(failing).rejects.toMatchObject({ code: 'bad-option' })
  expect(await queue.add(async () => 1)).toBe(1)
})
