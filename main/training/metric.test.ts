import { describe, expect, it } from 'vitest'
import { Random } from '../data/random'
import { classificationMetrics, outcomes } from '../measure/classification'
import { regressionMetrics, regressionPairs } from '../measure/regression'
import { scoresOf } from '../measure/scores'
import type { Tensor } from '../runtime/tensor'
import { METRIC_INFO, type MetricKind, MetricSum } from './metric'

const tensor = (dims: number[], data: ArrayLike<number>): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
})

/** Numbers in ±3 that float32 holds. */
function draw(count: number, seed: number): Float32Array {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => 6 * random.unit() - 3)
}

/** Adds everything in batches of 7. */
function measured(
  kind: MetricKind,
  values: Float32Array,
  width: number,
  reference: Float64Array | Float32Array,
) {
  const sum = new MetricSum(kind)
  const rows = values.length / width
  const per = reference.length / rows
  for (let from = 0; from < rows; from += 7) {
    const count = Math.min(7, rows - from)
    const part = values.subarray(from * width, (from + count) * width)
    sum.add(tensor([count, width], part), reference.subarray(from * per, (from + count) * per))
  }
  return sum.result()
}

describe('the metric of held-out samples', () => {
  it.each([2, 5, 1])('is accuracy and log loss of an evaluation of the same logits, width %i', width => {
    const values = draw(60 * width, width)
    const labels = Float64Array.from({ length: 60 }, (_, i) => i % Math.max(2, width))
    const { metric, loss } = measured('accuracy', values, width, labels)
    const output = { name: 'y', type: 'float32' as const, shape: [width], width, size: width, values }
    const outcome = outcomes(scoresOf(output, width === 1 ? 'binary-logit' : 'logits'), labels)
    const { metrics } = classificationMetrics(outcome, [])
    expect(metric).toBe(metrics.accuracy?.value)
    const mean = outcome.loss.reduce((s, v) => s + v, 0) / 60
    expect(loss).toBeCloseTo(mean, 6)
  })

  it('is the root mean squared error of an evaluation', () => {
    const [values, targets] = [draw(50, 1), Float64Array.from(draw(50, 2))]
    const { metric, loss } = measured('rmse', values, 1, targets)
    const { rmse } = regressionMetrics(regressionPairs(targets, values))
    expect(metric).toBeCloseTo(rmse?.value ?? 0, 10)
    expect(loss).toBeCloseTo(metric ** 2, 10)
  })

  it('counts a sample without finite answers as wrong, as an evaluation does', () => {
    const values = Float32Array.of(Number.NaN, 1, 0, 3, 1, 0, Number.POSITIVE_INFINITY, 1, 0)
    const labels = Float64Array.of(0, 0, 0)
    const output = { name: 'y', type: 'float32' as const, shape: [3], width: 3, size: 3, values }
    const { metrics } = classificationMetrics(outcomes(scoresOf(output, 'logits'), labels), [])
    const result = measured('accuracy', values, 3, labels)
    expect(result.metric).toBe(1 / 3)
    expect(result.metric).toBe(metrics.accuracy?.value)
    expect(result.loss).toBeNull()
  })

  it('compares with a teacher: classes for agreement, values for distance', () => {
    const [own, theirs] = [draw(40 * 3, 1), draw(40 * 3, 2)]
    expect(measured('agreement', own, 3, own)).toMatchObject({ metric: 1 })
    const best = (x: Float32Array, i: number) => {
      const row = Array.from(x.subarray(3 * i, 3 * i + 3))
      return row.indexOf(Math.max(...row))
    }
    const alike = Array.from({ length: 40 }, (_, i) => best(own, i) === best(theirs, i)).filter(Boolean)
    expect(measured('agreement', own, 3, theirs).metric).toBe(alike.length / 40)
    const square = own.reduce((s, v, i) => s + (v - (theirs[i] ?? 0)) ** 2, 0) / own.length
    expect(measured('distance', own, 3, theirs).metric).toBeCloseTo(Math.sqrt(square), 10)
  })

  it('stays a finite number where the answers are not', () => {
    const broken = Float32Array.of(1, Number.NaN)
    for (const kind of ['rmse', 'distance'] as const)
      expect(measured(kind, broken, 1, Float64Array.of(1, 1))).toEqual({
        metric: Number.MAX_VALUE,
        loss: null,
      })
    expect(JSON.parse(JSON.stringify(measured('rmse', broken, 1, Float64Array.of(1, 1))))).toEqual({
      metric: Number.MAX_VALUE,
      loss: null,
    })
  })

  it('says which way is better', () => {
    expect(Object.values(METRIC_INFO).map(m => [m.name, m.higherIsBetter])).toEqual([
      ['accuracy', true],
      ['rmse', false],
      ['agreement', true],
      ['distance', false],
    ])
  })
})
