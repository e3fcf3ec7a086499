/** The table "metric: reference, variant, change", with a claim only where the numbers carry one. */
import type { Difference, GenerationRatio, LatencyRatio, Measured, Variant } from '../../../shared/domain'
import { formatDifference, formatValue } from '../../../shared/format'
import { availableMetrics, type Metric, measuredTogether } from '../../../shared/metrics'
import {
  type Comparison,
  differenceTone,
  rangeOf,
  ratioText,
  ratioTone,
  type Tone,
} from '../../../shared/verdict'

/** paired: test on the same samples; interleaved: latency ratio; exact: counted, not measured; none: no claim. */
export type Basis = 'paired' | 'interleaved' | 'exact' | 'none'

export interface MetricRow {
  metric: Metric
  reference: Measured | undefined
  variant: Measured | undefined
  tone: Tone
  basis: Basis
  /** The change, short: '−0.12 points', '2.1× faster', '−74 %'. Empty where one side is missing. */
  change: string
  /** How the change is known; for a tooltip. */
  how: string
}

const EXACT = new Set(['sizeBytes', 'parameters', 'macs'])

/** Rows for every metric that at least one side has, in the order of the catalogue. */
export function metricRows(reference: Variant, variant: Variant, comparison: Comparison): MetricRow[] {
  const beside = measuredTogether(reference, variant)
  return availableMetrics([beside, variant]).map(metric => {
    const sides = { reference: metric.read(beside), variant: metric.read(variant) }
    const tokens = tokenRatio(metric, reference, variant)
    const change = tokens ? ratioChange(tokens) : changeOf(metric, sides.reference, sides.variant, comparison)
    return { metric, ...sides, ...change }
  })
}

type Change = Pick<MetricRow, 'tone' | 'basis' | 'change' | 'how'>

function changeOf(
  metric: Metric,
  reference: Measured | undefined,
  variant: Measured | undefined,
  comparison: Comparison,
): Change {
  if (!reference || !variant) {
    return { tone: 'unknown', basis: 'none', change: '', how: 'One of the two has no value.' }
  }
  const difference = comparison.differences.find(d => d.metric === metric.id)
  if (difference) return pairedChange(metric, difference)
  const ratio = latencyRatio(metric, comparison.ratios)
  if (ratio) return ratioChange(ratio)
  if (EXACT.has(metric.id)) return exactChange(metric, reference.value, variant.value)
  return apart(metric, reference, variant)
}

function pairedChange(metric: Metric, difference: Difference): Change {
  return {
    tone: differenceTone(difference),
    basis: 'paired',
    change: difference.shown ? signed(difference.value, metric) : 'no difference shown',
    how: `${formatDifference(difference, metric.unit)}; ${difference.test}, p = ${pText(difference.p)}`,
  }
}

function pText(p: number): string {
  return p < 0.001 ? 'below 0.001' : p.toFixed(3)
}

function latencyRatio(metric: Metric, ratios: readonly LatencyRatio[]): LatencyRatio | undefined {
  const batch = metric.id === 'latency1' ? 1 : metric.id === 'latency32' ? 32 : 0
  return [...ratios].sort((a, b) => a.threads - b.threads).find(r => r.batch === batch)
}

/** Of a language model: prompt or tokens made, measured in turns with the reference. */
function tokenRatio(metric: Metric, reference: Variant, variant: Variant): GenerationRatio | undefined {
  const phases: Record<string, GenerationRatio['phase']> = {
    tokensPerSecond: 'token',
    promptTokensPerSecond: 'prompt',
  }
  const found = (variant.benchmark?.generation?.ratios ?? []).filter(
    r => r.a === reference.model && r.b === variant.model && r.phase === phases[metric.id],
  )
  return found.sort((a, b) => a.threads - b.threads)[0]
}

function ratioChange(ratio: LatencyRatio | GenerationRatio): Change {
  return {
    tone: ratioTone(ratio),
    basis: 'interleaved',
    change: ratioText(ratio),
    how: `${rangeOf(ratio)}, from interleaved runs`,
  }
}

function exactChange(metric: Metric, from: number, to: number): Change {
  if (from === to) return { tone: 'uncertain', basis: 'exact', change: 'same', how: 'Counted, not measured.' }
  const better = to < from === (metric.better === 'lower')
  const share = from === 0 ? undefined : (to - from) / from
  const change = share === undefined ? signed(to - from, metric) : percent(share)
  return { tone: better ? 'better' : 'worse', basis: 'exact', change, how: 'Counted, not measured.' }
}

/** Without a paired test only intervals that do not touch carry a claim. */
function apart(metric: Metric, reference: Measured, variant: Measured): Change {
  const change = variant.value === reference.value ? 'same' : signed(variant.value - reference.value, metric)
  const known = [reference.low, reference.high, variant.low, variant.high].every(x => x !== undefined)
  if (!known) {
    return { tone: 'unknown', basis: 'none', change, how: 'No interval is known, so nothing is claimed.' }
  }
  const above = (variant.low ?? 0) > (reference.high ?? 0)
  const below = (variant.high ?? 0) < (reference.low ?? 0)
  if (!above && !below) {
    return {
      tone: 'uncertain',
      basis: 'none',
      change: 'no difference shown',
      how: `${change}; the intervals overlap`,
    }
  }
  const tone = above === (metric.better === 'higher') ? 'better' : 'worse'
  return { tone, basis: 'none', change, how: 'The intervals do not overlap.' }
}

function signed(value: number, metric: Metric): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '±'
  if (metric.unit === 'share') return `${sign}${Math.abs(value * 100).toFixed(2)} points`
  return `${sign}${formatValue(Math.abs(value), metric.unit)}`
}

function percent(share: number): string {
  const sign = share > 0 ? '+' : '−'
  const size = Math.abs(share) * 100
  return `${sign}${size < 10 ? size.toFixed(1) : Math.round(size).toLocaleString('en-US')} %`
}
