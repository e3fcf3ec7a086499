/**
 * Metrics of a regression with one target per sample, as scikit-learn has them: mean absolute error, root mean squared
 * error, and R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)². With targets that are all equal R² is 1 for a perfect answer, else 0.
 * Intervals: bootstrap over samples. Samples whose answer is not finite are left out.
 */
import type { Measured } from '../../shared/domain'
import { bootstrapMeasured } from './bootstrap'

export interface Pairs {
  actual: Float64Array
  predicted: Float64Array
}

export type RegressionMetric = 'r2' | 'mae' | 'rmse'

/** One regression metric over the samples numbered in `sample`. */
export const REGRESSION: Record<RegressionMetric, (pairs: Pairs, sample: Uint32Array) => number> = {
  r2: rSquared,
  mae: ({ actual, predicted }, sample) => mean(sample, i => Math.abs((actual[i] ?? 0) - (predicted[i] ?? 0))),
  rmse: ({ actual, predicted }, sample) =>
    Math.sqrt(mean(sample, i => ((actual[i] ?? 0) - (predicted[i] ?? 0)) ** 2)),
}

export function regressionMetrics(pairs: Pairs): Record<string, Measured> {
  const measured = (name: RegressionMetric) =>
    bootstrapMeasured(pairs.actual.length, sample => REGRESSION[name](pairs, sample))
  return { r2: measured('r2'), mae: measured('mae'), rmse: measured('rmse') }
}

/** Pairs of target and answer, without those that are not finite. */
export function regressionPairs(labels: ArrayLike<number>, values: ArrayLike<number>): Pairs {
  const kept = Array.from({ length: labels.length }, (_, i) => i).filter(i => Number.isFinite(values[i]))
  return {
    actual: Float64Array.from(kept, i => labels[i] ?? 0),
    predicted: Float64Array.from(kept, i => values[i] ?? 0),
  }
}

function rSquared({ actual, predicted }: Pairs, sample: Uint32Array): number {
  const centre = mean(sample, i => actual[i] ?? 0)
  let residual = 0
  let total = 0
  for (const i of sample) {
    const y = actual[i] ?? 0
    residual += (y - (predicted[i] ?? 0)) ** 2
    total += (y - centre) ** 2
  }
  if (total === 0) return residual === 0 ? 1 : 0
  return 1 - residual / total
}

function mean(sample: Uint32Array, value: (index: number) => number): number {
  let sum = 0
  for (const i of sample) sum += value(i)
  return sum / sample.length
}
