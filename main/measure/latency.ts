/** Times of runs as statistics. */
import type { LatencyStats } from '../../shared/domain'
import { median, medianInterval, quantile } from './statistics'

/** Milliseconds of single runs → median with its order-statistics interval, p90, p99, interquartile range. */
export function latencyStats(times: readonly number[]): LatencyStats {
  const sorted = Float64Array.from(times).sort()
  return {
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    p99: quantile(sorted, 0.99),
    iqr: quantile(sorted, 0.75) - quantile(sorted, 0.25),
    ...medianInterval(sorted),
    runs: times.length,
  }
}

const WINDOW = 5

/**
 * True once warm: the median of the last five times is within 5 % of that of the five before them.
 */
export function isStable(times: readonly number[]): boolean {
  if (times.length < 2 * WINDOW) return false
  const last = median(times.slice(-WINDOW))
  const before = median(times.slice(-2 * WINDOW, -WINDOW))
  return Math.abs(last - before) <= 0.05 * before
}
