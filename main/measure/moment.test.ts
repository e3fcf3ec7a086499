import { expect, test } from 'vitest'
import { momentaryRatio } from './moment'

/** Keeps the processor busy for so long. */
function busy(ms: number): () => Promise<void> {
  return async () => {
    for (const end = performance.now() + ms; performance.now() < end; );
  }
}

test('finds the ratio of two latencies in about the time it is given', async () => {
  const start = performance.now()
  const { ratio, low, high } = await momentaryRatio(busy(2), busy(1), 300)
  expect(performance.now() - start).toBeLessThan(2000)
  // A busy machine widens the interval; it does not move it off a half.
  expect(low).toBeLessThan(0.65)
  expect(high).toBeGreaterThan(0.4)
  expect(ratio).toBeLessThan(1)
  expect(low).toBeLessThanOrEqual(ratio)
  expect(high).toBeGreaterThanOrEqual(ratio)
})

test('what takes longer than that is still measured in both orders', async () => {
  const order: string[] = []
  const named = (name: string) => async () => {
    order.push(name)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await momentaryRatio(named('a'), named('b'), 1)
  expect(order.join('')).toBe('aabb' + 'abbaab')
})
