import { expect, test } from 'vitest'
import type { Dataset } from '../../data/dataset'
import { arrayDataset } from '../testing'
import { measuredSamples } from './samples'

/** Ten samples to calibrate with, the first ones, and thirty to train on. */
const all = arrayDataset({ x: { dims: [50, 1], data: new Float32Array(50) } })
const range = (from: number, to: number) => Uint32Array.from({ length: to - from }, (_, i) => from + i)
const dataset: Dataset = {
  ...all,
  indices: split => (split === 'train' ? range(10, 40) : split === 'test' ? range(40, 50) : range(0, 10)),
}
const calibration = { dataset, indices: dataset.indices('calibration') }
const drawn = (calibrated: number, count: number, only = false) => [
  ...measuredSamples(calibration, calibrated, count, { only }).indices,
]

test('samples that ranges do not come from are taken first, and never those for testing', () => {
  expect(drawn(4, 6)).toEqual([4, 5, 6, 7, 8, 9])
  expect(drawn(4, 3).every(i => i >= 4 && i < 10)).toBe(true)
  const more = drawn(10, 20)
  expect(more.length).toBe(20)
  expect(more.every(i => i >= 10 && i < 40)).toBe(true)
  expect(drawn(10, 35).length).toBe(35)
  expect(drawn(10, 100)).toEqual([...range(0, 40)])
  expect(drawn(4, 20, true)).toEqual([...range(0, 10)])
})

test('the same ones are drawn every time', () => {
  expect(drawn(0, 7)).toEqual(drawn(0, 7))
})
