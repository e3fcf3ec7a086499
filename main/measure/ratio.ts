/**
 * Ratio of two models' latencies, measured in turns.
 *
 * With three rounds or more: each round r gives the logarithm of its own ratio, x = ln(median b / median a); the ratio
 * is exp(mean x) and its interval exp(mean x ± t·s/√R), with Student's t of R − 1 degrees of freedom. Rounds start from
 * new sessions, so what differs from session to session is in s. With fewer rounds (models that take long to open) the
 * interval comes from resampling blocks, and does not contain it.
 */
import { ratioOfMedians } from './bootstrap'
import { median } from './statistics'
import type { Timed } from './turns'

/** 97.5 % quantiles of Student's t, for 2 to 9 degrees of freedom. */
const STUDENT = [4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622]

/** Latency of `b` relative to `a` with its 95 % interval. */
export function latencyRatio(a: Timed, b: Timed): { ratio: number; low: number; high: number } {
  const logs = a.rounds.flatMap((own, round) => {
    const ratio = median((b.rounds[round] ?? []).flat()) / median(own.flat())
    return Number.isFinite(ratio) && ratio > 0 ? [Math.log(ratio)] : []
  })
  const t = STUDENT[logs.length - 3]
  if (t === undefined) {
    const other = b.rounds.flat()
    return ratioOfMedians(a.rounds.flat().map((times, i) => ({ a: times, b: other[i] ?? [] })))
  }
  const mean = logs.reduce((sum, x) => sum + x, 0) / logs.length
  const variance = logs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (logs.length - 1)
  const half = t * Math.sqrt(variance / logs.length)
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}
