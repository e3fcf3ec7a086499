/**
 * What a variant cost and gained against a reference, in one sentence. A difference is claimed only where its
 * 95 % interval excludes "no difference": 0 for metrics (paired test), 1 for latency ratios (interleaved runs).
 */
import type { Difference, LatencyRatio, Variant } from '../../../shared/domain'
import { formatBytes, formatDifference, formatShare, formatValue } from '../../../shared/format'
import { type Metric, mainMetric } from '../../../shared/metrics'
import { type Tone as DeltaTone, differenceTone } from '../ui/delta'

/** 'uncertain': measured, and no difference shown; 'unknown': not measured or not compared. */
export type Tone = DeltaTone | 'unknown'

/** One part of the verdict: `text` for the sentence, `figure` and `detail` for a tile. */
export interface Clause {
  tone: Tone
  text: string
  figure: string
  detail: string
}

export interface Verdict {
  sentence: string
  tone: 'good' | 'mixed' | 'bad' | 'neutral' | 'unknown'
  speed: Clause
  size: Clause
  quality: Clause
}

/** Measured on the same samples and in the same interleaved runs; the answer of `variants.compare`. */
export interface Comparison {
  differences: readonly Difference[]
  ratios: readonly LatencyRatio[]
}

/** Below this share a possible loss hidden by noise is not worth a remark (one point). */
const WIDE = 0.01

/** What the variant's own record says about the reference, when it was measured against exactly that model. */
export function ownComparison(reference: Variant, variant: Variant): Comparison {
  return {
    differences:
      variant.evaluation?.reference === reference.model ? (variant.evaluation?.differences ?? []) : [],
    ratios: ratiosBetween(reference, variant, variant.benchmark?.ratios ?? []),
  }
}

/** Ratios of `variant` to `reference` (below 1 is faster), smallest batch and fewest threads first. */
export function ratiosBetween(
  reference: Variant,
  variant: Variant,
  ratios: readonly LatencyRatio[],
): LatencyRatio[] {
  return ratios
    .flatMap(r => {
      if (r.a === reference.model && r.b === variant.model) return [r]
      if (r.a === variant.model && r.b === reference.model) return [inverted(r)]
      return []
    })
    .sort((p, q) => p.batch - q.batch || p.threads - q.threads)
}

function inverted(r: LatencyRatio): LatencyRatio {
  return { ...r, a: r.b, b: r.a, ratio: 1 / r.ratio, low: 1 / r.high, high: 1 / r.low }
}

/** Direction of a latency ratio that its interval allows one to state. */
export function ratioTone(ratio: LatencyRatio): Tone {
  if (ratio.high < 1) return 'better'
  if (ratio.low > 1) return 'worse'
  return 'uncertain'
}

/** 2.14 → '2.1×', 12.3 → '12×', 1.04 → '4 %': how people say a factor of at least 1. */
export function factorText(factor: number): string {
  if (factor < 1.095) return `${((factor - 1) * 100).toFixed(factor < 1.01 ? 1 : 0)} %`
  return `${factor < 9.95 ? factor.toFixed(1) : Math.round(factor).toLocaleString('en-US')}×`
}

/** 'faster' or 'slower' with its factor: ratio 0.5 → '2.0× faster'. */
export function speedText(ratio: number): string {
  return ratio <= 1 ? `${factorText(1 / ratio)} faster` : `${factorText(ratio)} slower`
}

function speedClause(ratios: readonly LatencyRatio[]): Clause {
  const first = ratios[0]
  if (!first) {
    return { tone: 'unknown', text: 'speed not compared', figure: '–', detail: 'Not measured together yet' }
  }
  const tone = ratioTone(first)
  const setting = `batch ${first.batch}, ${first.threads} ${first.threads === 1 ? 'thread' : 'threads'}`
  const detail = `${rangeOf(first)} · ${setting}, interleaved`
  if (tone === 'uncertain') {
    return { tone, text: 'no speed difference shown', figure: 'no difference shown', detail }
  }
  const against = ratios.find(r => {
    const other = ratioTone(r)
    return other !== 'uncertain' && other !== tone
  })
  const text = against
    ? `${speedText(first.ratio)} at batch ${first.batch} (${speedText(against.ratio)} at ${otherSetting(first, against)})`
    : speedText(first.ratio)
  return { tone, text, figure: speedText(first.ratio), detail }
}

function otherSetting(first: LatencyRatio, other: LatencyRatio): string {
  if (other.batch !== first.batch) return `batch ${other.batch}`
  return `${other.threads} ${other.threads === 1 ? 'thread' : 'threads'}`
}

/** Both ends of a ratio's interval as speed-ups or slow-downs, the smaller effect first. */
export function rangeOf(ratio: LatencyRatio): string {
  const tone = ratioTone(ratio)
  if (tone === 'uncertain') return `between ${speedText(ratio.low)} and ${speedText(ratio.high)}`
  const ends = tone === 'better' ? [1 / ratio.high, 1 / ratio.low] : [ratio.low, ratio.high]
  return `${ends.map(e => factorText(e)).join(' to ')} ${tone === 'better' ? 'faster' : 'slower'}`
}

function sizeClause(reference: Variant, variant: Variant): Clause {
  const [from, to] = [reference.summary.sizeBytes, variant.summary.sizeBytes]
  const detail = `${formatBytes(from)} → ${formatBytes(to)}`
  if (!(from > 0) || !(to > 0)) {
    return { tone: 'unknown', text: 'size unknown', figure: '–', detail }
  }
  const change = Math.abs(to - from) / from
  if (change < 0.001) {
    return { tone: 'uncertain', text: 'the same size', figure: 'same size', detail }
  }
  const text = to < from ? `${factorText(from / to)} smaller` : `${factorText(to / from)} larger`
  return { tone: to < from ? 'better' : 'worse', text, figure: text, detail }
}

function qualityClause(reference: Variant, variant: Variant, comparison: Comparison): Clause {
  const evaluation = variant.evaluation
  if (!evaluation) {
    const what = reference.evaluation ? metricWord(mainMetric(reference)) : 'accuracy'
    return { tone: 'unknown', text: `${what} not measured`, figure: '–', detail: 'Not evaluated yet' }
  }
  const samples = `${evaluation.data.count.toLocaleString('en-US')} ${evaluation.data.count === 1 ? 'sample' : 'samples'}`
  const metric = mainMetric(variant)
  const difference = comparison.differences.find(d => d.metric === metric.id)
  if (difference) return differenceClause(difference, metric, samples)
  if (metric.id === 'agreement' || metric.id === 'cosine') return agreementClause(variant, metric, samples)
  const value = metric.read(variant)
  return {
    tone: 'unknown',
    text: `${metricWord(metric)} not compared`,
    figure: value ? formatValue(value.value, metric.unit) : '–',
    detail: `${metric.title} on ${samples}; not compared on the same samples`,
  }
}

function differenceClause(difference: Difference, metric: Metric, samples: string): Clause {
  const word = metricWord(metric)
  const tone = differenceTone(difference)
  const numbers = formatDifference({ ...difference, shown: true }, metric.unit)
  const detail = `${numbers} · ${samples}, ${difference.test}`
  if (tone === 'uncertain') {
    const loss = metric.better === 'higher' ? -difference.low : difference.high
    const hidden =
      metric.unit === 'share' && loss > WIDE
        ? ` (a loss of up to ${(loss * 100).toFixed(1)} points is possible)`
        : ''
    return {
      tone,
      text: `no ${word} difference shown on ${samples}${hidden}`,
      figure: 'no difference shown',
      detail,
    }
  }
  const size = amount(Math.abs(difference.value), metric)
  const direction = difference.value > 0 ? 'higher' : 'lower'
  return {
    tone,
    text: `${word} ${size} ${direction} on ${samples}`,
    figure: `${size} ${direction}`,
    detail,
  }
}

function agreementClause(variant: Variant, metric: Metric, samples: string): Clause {
  const value = metric.read(variant)
  const detail = `On ${samples}, without labels`
  if (!value) return { tone: 'unknown', text: 'accuracy not measured', figure: '–', detail }
  if (metric.id === 'agreement') {
    const share = formatShare(value.value, value.value === 1 ? 0 : 1)
    return {
      tone: value.value === 1 ? 'uncertain' : 'unknown',
      text: `the same answer as the teacher on ${share} of ${samples}`,
      figure: `${share} same answers`,
      detail,
    }
  }
  const cosine = value.value.toFixed(4)
  return {
    tone: 'unknown',
    text: `outputs match the teacher’s with cosine ${cosine} on ${samples}`,
    figure: `cosine ${cosine}`,
    detail,
  }
}

function amount(value: number, metric: Metric): string {
  return metric.unit === 'share' ? `${(value * 100).toFixed(2)} points` : formatValue(value, metric.unit)
}

/** The metric's name inside a sentence: lower case, except for names such as R². */
function metricWord(metric: Metric): string {
  return /^[A-Z][a-z]/.test(metric.title) ? metric.title.toLowerCase() : metric.title
}

/** Size and speed as one phrase: 'and' where both point the same way, 'but' where they disagree. */
function costs(speed: Clause, size: Clause): string {
  const claims = (c: Clause) => c.tone === 'better' || c.tone === 'worse'
  if (claims(speed) && claims(size)) {
    if (speed.tone === size.tone) return `${speed.text} and ${size.text}`
    const [good, bad] = speed.tone === 'better' ? [speed, size] : [size, speed]
    return `${good.text} but ${bad.text}`
  }
  const parts = claims(size) ? [size.text, speed.text] : [speed.text, size.text]
  return parts.join('; ')
}

/**
 * Says in one sentence what the variant gains and costs against the reference.
 * @param comparison what was measured between exactly these two; by default what the variant's record holds
 */
export function verdict(
  reference: Variant,
  variant: Variant,
  comparison: Comparison = ownComparison(reference, variant),
): Verdict {
  const ratios = ratiosBetween(reference, variant, comparison.ratios)
  const speed = speedClause(ratios)
  const size = sizeClause(reference, variant)
  const quality = qualityClause(reference, variant, comparison)
  const parts = { speed, size, quality }
  if (reference.id === variant.id) return { ...alone(variant), ...parts }
  if (variant.verification && !variant.verification.loads) {
    const sentence = 'Stock ONNX Runtime does not load this file; do not ship it.'
    return { sentence, tone: 'bad', ...parts }
  }
  const sentence = capital(`${costs(speed, size)}; ${quality.text}.`)
  return { sentence, tone: overall([speed.tone, size.tone], quality.tone), ...parts }
}

function alone(variant: Variant): Pick<Verdict, 'sentence' | 'tone'> {
  const role = variant.parentId === null ? 'The teacher' : 'The reference itself'
  const metric = mainMetric(variant)
  const value = metric.read(variant)
  const count = variant.evaluation?.data.count.toLocaleString('en-US')
  const measured =
    value && count && metric.id !== 'agreement' && metric.id !== 'cosine'
      ? `, ${metricWord(metric)} ${formatValue(value.value, metric.unit)} on ${count} samples`
      : ''
  return { sentence: `${role}: ${formatBytes(variant.summary.sizeBytes)}${measured}.`, tone: 'neutral' }
}

/** Gains are called good only where it is known what became of the quality. */
function overall(costs: readonly Tone[], quality: Tone): Verdict['tone'] {
  const tones = [...costs, quality]
  const [better, worse] = [tones.includes('better'), tones.includes('worse')]
  if (better && worse) return 'mixed'
  if (better) return quality === 'unknown' ? 'unknown' : 'good'
  if (worse) return 'bad'
  return tones.every(t => t === 'unknown') ? 'unknown' : 'neutral'
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
