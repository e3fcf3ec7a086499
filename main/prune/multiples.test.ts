import { expect, test } from 'vitest'
import { freeMultiple, hardwareMultiples } from './multiples'

const WIDTHS = Array.from({ length: 16 }, (_, i) => i + 33)

test('steps of eight are seen, and no steps are none', () => {
  expect(freeMultiple(WIDTHS.map(w => Math.ceil(w / 8) * 8))).toBe(8)
  expect(freeMultiple(WIDTHS.map(w => w * w))).toBe(1)
})

test('this machine is measured once', async () => {
  const first = await hardwareMultiples()
  expect([1, 2, 4, 8, 16]).toContain(first.convolution)
  expect([1, 2, 4, 8, 16]).toContain(first.dense)
  expect(first.us.convolution.every(us => us > 0 && Number.isFinite(us))).toBe(true)
  expect(await hardwareMultiples()).toBe(first)
})
