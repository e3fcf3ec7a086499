import type { LatencyRatio, Measured, Variant } from '../../../shared/domain'
import { formatDifference, formatValue } from '../../../shared/format'
import { availableMetrics, type Metric } from '../../../shared/metrics'
import {
  type ClaimTone,
  type Comparison,
  describeRatio,
  differenceTone,
  ratiosBetween,
  ratioTone,
} from '../../../shared/verdict'

export interface Change {
  text: string
  /** With its interval, where `text` leaves it out: a narrow column has no room for both. */
  full: string
  tone: ClaimTone
  /** Whether an interval stands behind it. */
  tested: boolean
}

export interface ComparisonCell {
  variant: Variant
  measured: Measured | undefined
  change: Change | null
  /** Best value of the row. */
  best: boolean
}

export interface ComparisonRow {
  metric: Metric
  cells: ComparisonCell[]
}

const BATCH: Record<string, number> = { latency1: 1, latency32: 32 }

const NO_DIFFERENCE = { text: 'no difference shown', tone: 'uncertain', tested: true } as const

function ratioChange(ratio: LatencyRatio): Change {
  const [full, tone] = [describeRatio(ratio), ratioTone(ratio)]
  return { ...NO_DIFFERENCE, full, ...(tone !== 'uncertain' && { text: full, tone }) }
}

function plainChange(metric: Metric, base: number, value: number): Change {
  const difference = value - base
  if (difference === 0) return { text: 'same', full: 'same', tone: 'uncertain', tested: false }
  const tone = difference > 0 === (metric.better === 'higher') ? 'better' : 'worse'
  const sign = difference > 0 ? '+' : '−'
  const relative = ['bytes', 'count', 'ms', 'perSecond', 'joules'].includes(metric.unit) && base !== 0
  const share = Math.abs(difference / base) * 100
  const text = relative
    ? `${sign}${share.toFixed(share < 10 ? 1 : 0)} %`
    : metric.unit === 'share'
      ? `${sign}${Math.abs(difference * 100).toFixed(2)} points`
      : `${sign}${formatValue(Math.abs(difference), metric.unit)}`
  return { text, full: text, tone, tested: false }
}

/**
 * How a metric differs between base and another variant: the paired test or interleaved ratio where there is one,
 * else the plain change (then `tested` is false and it is no proof).
 */
export function changeOf(
  metric: Metric,
  base: Variant,
  other: Variant,
  answer: Comparison | undefined,
): Change | null {
  const batch = BATCH[metric.id]
  const ratio = ratiosBetween(base, other, answer?.ratios ?? []).find(r => r.batch === batch)
  if (ratio) return ratioChange(ratio)
  const paired = answer?.differences.find(d => d.metric === metric.id)
  if (paired) {
    const full = formatDifference(paired, metric.unit)
    return { ...NO_DIFFERENCE, full, ...(paired.shown && { text: full, tone: differenceTone(paired) }) }
  }
  const [a, b] = [metric.read(base)?.value, metric.read(other)?.value]
  return a === undefined || b === undefined ? null : plainChange(metric, a, b)
}

/** The table of a comparison: a row per metric that one of them has, the base's cell first. */
export function comparisonRows(
  base: Variant,
  others: readonly Variant[],
  answers: readonly Comparison[] | undefined,
): ComparisonRow[] {
  const all = [base, ...others]
  return availableMetrics(all).map(metric => {
    const values = all.flatMap(v => metric.read(v)?.value ?? [])
    const top = metric.better === 'higher' ? Math.max(...values) : Math.min(...values)
    const distinct = new Set(values).size > 1
    return {
      metric,
      cells: all.map((variant, i) => {
        const measured = metric.read(variant)
        const change = i === 0 ? null : changeOf(metric, base, variant, answers?.[i - 1])
        return { variant, measured, change, best: distinct && measured?.value === top }
      }),
    }
  })
}
