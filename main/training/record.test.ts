import { describe, expect, it } from 'vitest'
import { TrainingRecord } from '../../shared/training'
import { METRIC_INFO, type MetricKind } from './metric'
import { addStep, emptySums, isBetter } from './record'

function record(metric: MetricKind = 'accuracy'): TrainingRecord {
  return TrainingRecord.parse({
    technique: 'train.labels',
    parts: ['labels', 'kd'],
    metric: METRIC_INFO[metric],
    teacher: null,
    totalEpochs: 10,
    stepsPerEpoch: 1000,
    samples: { train: 1, validation: 1 },
    trainableParameters: 1,
    points: [],
    epochs: [],
    best: null,
    samplesPerSecond: 0,
    device: 'cpu',
    ended: null,
    notes: [],
  })
}

describe('the points of a curve', () => {
  it.each([1, 599, 600, 5000, 100_000])('stay few, evenly spaced, and keep the mean: %i steps', steps => {
    const r = record()
    const sums = emptySums(2)
    for (let step = 1; step <= steps; step++)
      addStep(r, sums, { step, loss: step, parts: [1, step], learningRate: 1 / step, norm: 2 * step })
    expect(r.points.length).toBeLessThanOrEqual(600)
    expect(r.points.length).toBeGreaterThanOrEqual(Math.min(steps, 300))
    const [first, second] = r.points
    const every = first?.step ?? 0
    r.points.forEach((p, i) => {
      expect(p.step).toBe(every * (i + 1))
      expect(p.epoch).toBeCloseTo(p.step / 1000, 12)
      expect(p.loss).toBeCloseTo(p.step - (every - 1) / 2, 6)
      expect(p.parts[0]).toBe(1)
      expect(p.gradientNorm).toBeCloseTo(2 * p.loss, 6)
      expect(p.learningRate).toBe(1 / p.step)
    })
    if (second) expect(second.step).toBe(2 * every)
  })
})

describe('a better epoch', () => {
  it.each([
    ['accuracy', { metric: 0.9, loss: 2 }, { metric: 0.8, loss: 1 }, true],
    ['accuracy', { metric: 0.9, loss: 1 }, { metric: 0.9, loss: 2 }, true],
    ['accuracy', { metric: 0.9, loss: 1 }, { metric: 0.9, loss: 1 }, false],
    ['accuracy', { metric: 0.9, loss: null }, { metric: 0.9, loss: 2 }, false],
    ['rmse', { metric: 0.1, loss: 1 }, { metric: 0.2, loss: 1 }, true],
    ['distance', { metric: Number.MAX_VALUE, loss: null }, { metric: 3, loss: 9 }, false],
  ] as const)('by %s: %j against %j', (metric, a, b, expected) => {
    expect(isBetter(record(metric), a, b)).toBe(expected)
    expect(isBetter(record(metric), a, null)).toBe(true)
  })
})
