import { describe, expect, it } from 'vitest'
import type { Plan } from '../../shared/domain'
import type { TrainingRecord } from '../../shared/training'
import { otherDevice } from './variant'

const plan = (decisions: Plan['decisions']): Plan => ({
  technique: 'train.labels',
  version: 1,
  seed: 0,
  options: {},
  decisions,
  notes: [],
})

const record = (device: string): TrainingRecord => ({
  technique: 'train.labels',
  parts: ['labels'],
  metric: { name: 'accuracy', title: 'Accuracy', higherIsBetter: true },
  teacher: null,
  totalEpochs: 1,
  stepsPerEpoch: 1,
  samples: { train: 1, validation: 0 },
  trainableParameters: 1,
  points: [],
  epochs: [],
  best: null,
  samplesPerSecond: 1,
  device,
  ended: 'done',
  notes: [],
})

describe('the device of a training', () => {
  it('is told where it is not that of the plan', () => {
    expect(otherDevice(plan({ device: 'webgpu' }), record('cpu'))).toEqual([
      {
        code: 'device-other',
        severity: 'warning',
        message: 'The plan says webgpu, but the training ran on the processor.',
      },
    ])
  })

  it('needs no word where it is, and where nothing was trained', () => {
    expect(otherDevice(plan({ device: 'webgpu' }), record('webgpu'))).toEqual([])
    expect(otherDevice(plan({ device: 'webgpu' }), undefined)).toEqual([])
    expect(otherDevice(plan({}), record('cpu'))).toEqual([])
  })
})
