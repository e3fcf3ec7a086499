import { expect, it } from 'vitest'
import { Random } from './random'

it('fills an array with the same bits as one call after the other, and goes on after them', () => {
  const [one, other] = [new Random(7), new Random(7)]
  const many = new Uint32Array(1000)
  many[0] = one.bits()
  other.bits()
  other.fill(many.subarray(1))
  expect([...many.subarray(1)]).toEqual(Array.from({ length: 999 }, () => one.bits()))
  expect(other.bits()).toBe(one.bits())
})
