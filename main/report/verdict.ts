/** What a report says in words. A difference is claimed only where its interval excludes zero. */
import type { Benchmark, Difference, LatencyRatio, Variant } from '../../shared/domain'
import { formatBytes, formatDifference, formatSpeed } from '../../shared/format'
import { mainMetric, metricById } from '../../shared/metrics'
import { type ReportInput, type ReportVariant, referenceOf } from './input'

/** Latency of a variant relative to the reference at batch 1 (else the smallest batch) on the fewest threads. */
export function ratioOf(
  benchmark: Benchmark | null,
  reference: Variant,
  variant: Variant,
): LatencyRatio | undefined {
  const ratios = benchmark?.ratios ?? variant.benchmark?.ratios ?? []
  return ratios
    .filter(r => r.a === reference.model && r.b === variant.model)
    .sort((p, q) => p.batch - q.batch || p.threads - q.threads)[0]
}

/** Difference of the task's main metric to the reference, when it was measured on the same samples. */
export function mainDifference(variant: Variant): Difference | undefined {
  const { evaluation } = variant
  return evaluation?.differences.find(d => d.metric === mainMetric(variant).id) ?? evaluation?.differences[0]
}

/** '1.6× faster (1.5 to 1.7)', or 'no difference shown' when the interval of the ratio covers one. */
export function describeRatio(ratio: LatencyRatio): string {
  const range = `latency ratio ${ratio.ratio.toFixed(2)}, ${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}`
  if (ratio.low <= 1 && ratio.high >= 1) return `no difference in speed shown (${range})`
  return `${formatSpeed(ratio.ratio)} (${range})`
}

/** '3.9× smaller' or '1.2× larger'; 'the same size' within half a per cent. */
export function describeSize(reference: number, size: number): string {
  const factor = reference / size
  if (Math.abs(factor - 1) < 0.005) return 'the same size'
  return factor > 1 ? `${factor.toFixed(1)}× smaller` : `${(1 / factor).toFixed(1)}× larger`
}

/** 'accuracy no difference shown: −0.10 points (−0.30 to +0.10)'. Empty when there is no difference to speak of. */
export function describeQuality(variant: Variant): string {
  const difference = mainDifference(variant)
  if (!difference) return ''
  const metric = metricTitle(difference.metric)
  return `${metric.title.toLowerCase()} ${formatDifference(difference, metric.unit)}`
}

function metricTitle(id: string) {
  try {
    return metricById(id)
  } catch {
    return { title: id, unit: 'number' as const }
  }
}

/** Sentences for the top of the report, most important first. */
export function verdicts(input: ReportInput): string[] {
  const reference = referenceOf(input.variants)
  if (!reference) return ['There is nothing to compare yet.']
  const others = input.variants.filter(v => v !== reference)
  if (others.length === 0) return [`${reference.variant.name} has no variants to compare it with yet.`]
  const sentences: string[] = []
  const safe = others.filter(v => keepsQuality(v.variant))
  const [smallest] = [...safe].sort((a, b) => a.variant.summary.sizeBytes - b.variant.summary.sizeBytes)
  if (smallest)
    sentences.push(sentence(smallest, reference, input, 'The smallest variant with no loss shown is'))
  const fastest = fastestOf(safe, reference, input)
  if (fastest && fastest !== smallest) {
    sentences.push(sentence(fastest, reference, input, 'The fastest variant with no loss shown is'))
  }
  const measured = others.filter(v => mainDifference(v.variant))
  if (measured.length > 0 && safe.length === 0) {
    sentences.push(`Every variant that was evaluated loses quality against ${reference.variant.name}.`)
  }
  if (measured.length === 0) {
    sentences.push(
      'No variant was evaluated against the reference on data, so nothing is known of their quality.',
    )
  }
  const slower = others.filter(v => (ratioOf(input.benchmark, reference.variant, v.variant)?.low ?? 0) > 1)
  if (slower.length > 0) {
    sentences.push(
      `Slower than ${reference.variant.name} on this machine: ${slower.map(v => v.variant.name).join(', ')}.`,
    )
  }
  const losing = others.filter(v => loses(v.variant))
  if (losing.length > 0 && safe.length > 0) {
    sentences.push(`A loss is shown for: ${losing.map(v => v.variant.name).join(', ')}.`)
  }
  return sentences
}

function sentence(v: ReportVariant, reference: ReportVariant, input: ReportInput, start: string): string {
  const ratio = ratioOf(input.benchmark, reference.variant, v.variant)
  const parts = [
    `${describeSize(reference.variant.summary.sizeBytes, v.variant.summary.sizeBytes)} (${formatBytes(v.variant.summary.sizeBytes)})`,
    ratio ? describeRatio(ratio) : '',
    describeQuality(v.variant),
  ]
  return `${start} ${v.variant.name}: ${parts.filter(Boolean).join('; ')}.`
}

function fastestOf(
  candidates: readonly ReportVariant[],
  reference: ReportVariant,
  input: ReportInput,
): ReportVariant | undefined {
  const ratio = (v: ReportVariant) => ratioOf(input.benchmark, reference.variant, v.variant)
  return candidates
    .filter(v => (ratio(v)?.high ?? 1) < 1)
    .sort((a, b) => (ratio(a)?.ratio ?? 1) - (ratio(b)?.ratio ?? 1))[0]
}

/** Worse on the main metric, with an interval that excludes zero. */
export function loses(variant: Variant): boolean {
  const difference = mainDifference(variant)
  if (!difference?.shown) return false
  const lowerIsBetter = ['logLoss', 'ece', 'mae', 'rmse', 'kl'].includes(difference.metric)
  return lowerIsBetter ? difference.value > 0 : difference.value < 0
}

function keepsQuality(variant: Variant): boolean {
  return mainDifference(variant) !== undefined && !loses(variant)
}
