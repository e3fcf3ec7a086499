import { expect, it } from 'vitest'
import { Random } from '../data/random'
import type { Tensor } from '../runtime/tensor'
import { mixUp } from './mixup'
import { labelFeeds } from './objective'
import { inspectProblem } from './testing-errors'

const batch = (n: number): Tensor => ({
  type: 'float32',
  dims: [n, 2],
  data: Float32Array.from({ length: 2 * n }, (_, i) => i),
})

it('blends every sample with its partner by one share', () => {
  const feeds = { x: batch(6), y: batch(6) }
  const { partner, share } = mixUp(feeds, 6, 0.4, new Random(1))
  expect(Array.from(partner).sort()).toEqual([0, 1, 2, 3, 4, 5])
  expect(share).toBeGreaterThan(0)
  expect(share).toBeLessThan(1)
  for (const { data } of Object.values(feeds))
    partner.forEach((other, row) => {
      for (const i of [0, 1]) {
        const expected = share * (2 * row + i) + (1 - share) * (2 * other + i)
        expect(data[2 * row + i]).toBeCloseTo(expected, 5)
      }
    })
})

it('blends the labels alike: probabilities sum to one, values are means', () => {
  const mix = { partner: Uint32Array.of(1, 0, 2), share: 0.75 }
  const labels = Float64Array.of(0, 2, 1)
  const { p, v, c } = labelFeeds(
    [
      { input: 'p', form: 'probabilities', width: 3, rank: 2 },
      { input: 'v', form: 'value', width: 1, rank: 1 },
      { input: 'c', form: 'class', width: 3, rank: 1 },
    ],
    labels,
    mix,
  )
  expect(p).toEqual({
    type: 'float32',
    dims: [3, 3],
    data: Float32Array.of(0.75, 0, 0.25, 0.25, 0, 0.75, 0, 1, 0),
  })
  expect(v).toEqual({ type: 'float32', dims: [3], data: Float32Array.of(0.5, 1.5, 1) })
  expect(c).toEqual({ type: 'int64', dims: [3], data: BigInt64Array.of(0n, 2n, 1n) })
  expect(labelFeeds([], undefined, mix)).toEqual({})
})

it('draws shares of the Beta distribution: mean a half, variance 1/(4(2a + 1))', () => {
  for (const a of [0.2, 1, 3]) {
    const random = new Random(7)
    const shares = Array.from({ length: 4000 }, () => mixUp({}, 1, a, random).share)
    const mean = shares.reduce((s, x) => s + x, 0) / shares.length
    const variance = shares.reduce((s, x) => s + (x - mean) ** 2, 0) / shares.length
    // Four standard errors of the mean; of the variance about a tenth of it.
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(variance / shares.length))
    expect(Math.abs(variance * 4 * (2 * a + 1) - 1)).toBeLessThan(0.1)
    expect(shares.every(s => s >= 0 && s <= 1)).toBe(true)
  }
})

it('refuses inputs that are no real numbers', async () => {
  const ids: Tensor = { type: 'int64', dims: [2, 1], data: BigInt64Array.of(1n, 2n) }
  const run = async () => mixUp({ ids }, 2, 1, new Random(0))
  expect(await inspectProblem(run())).toMatchObject({
    code: 'bad-option',
    message: 'Mixup needs real numbers; the input ids is int64.',
    where: 'mixup',
  })
})
