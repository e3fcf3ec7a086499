import { describe, expect, it } from 'vitest'
import type { Dataset } from '../data/dataset'
import { divide } from './division'
import { spiral, trainOptions } from './testing'
import { inspectProblem } from './testing-errors'

const samples = (dataset: Dataset, count?: number) => ({
  dataset,
  indices: dataset.indices('all').subarray(0, count),
})

describe('the division of samples', () => {
  it.each([
    [240, { batch: 16 }, null, { train: 216, validation: 24, batch: 16, accumulate: 1, stepsPerEpoch: 13 }],
    [
      240,
      { batch: 16, accumulate: 3 },
      null,
      { train: 216, validation: 24, batch: 16, accumulate: 3, stepsPerEpoch: 4 },
    ],
    // Fewer samples than a batch, or than the batches of a step: as many as there are.
    [30, { batch: 64 }, null, { train: 27, validation: 3, batch: 27, accumulate: 1, stepsPerEpoch: 1 }],
    [
      240,
      { batch: 100, accumulate: 9 },
      null,
      { train: 216, validation: 24, batch: 100, accumulate: 2, stepsPerEpoch: 1 },
    ],
    // A fixed batch goes before; what does not fill one is not held out.
    [240, { batch: 64 }, 7, { train: 216, validation: 21, batch: 7, accumulate: 1, stepsPerEpoch: 30 }],
    [240, { validation: 0 }, null, { train: 240, validation: 0, batch: 64, accumulate: 1, stepsPerEpoch: 3 }],
  ])('%i samples, %j, fixed %j', (count, options, fixed, expected) => {
    const d = divide(samples(spiral(count)), trainOptions(options), 0, fixed)
    const { train, validation, ...rest } = d
    expect({ train: train.length, validation: validation.length, ...rest }).toEqual(expected)
    expect(Array.from(train).some(i => validation.includes(i))).toBe(false)
  })

  it.each([
    ['one sample', 1, null, 'There are 1 samples to learn from.'],
    ['none', 0, null, 'There are 0 samples to learn from.'],
    [
      'fewer than a fixed batch',
      30,
      100,
      'The model takes 100 samples at a time; there are 27 to learn from.',
    ],
  ])('refuses %s', async (_, count, fixed, message) => {
    const run = async () => divide(samples(spiral(30), count), trainOptions({}), 0, fixed)
    expect(await inspectProblem(run())).toMatchObject({ code: 'bad-data', message, where: 'memory' })
  })

  it('refuses one class, but not where it does not learn from labels', async () => {
    const dataset = { ...spiral(30), labels: () => new Float64Array(30).fill(1) }
    const run = async () => divide(samples(dataset), trainOptions({}), 0, null)
    expect(await inspectProblem(run())).toMatchObject({
      code: 'bad-data',
      message: 'All samples to learn from are of one class, b.',
      action: 'Give samples of every class.',
    })
    const unlabelled = spiral(30, { labelled: false })
    expect(divide(samples(unlabelled), trainOptions({}), 0, null).train).toHaveLength(27)
  })
})
