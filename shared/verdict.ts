/**
 * What a variant cost and gained against a reference, in one sentence. A difference is claimed only where its
 * 95 % interval excludes "no difference": 0 for metrics (paired test), 1 for latency ratios (interleaved runs).
 */
import type { Difference, LatencyRatio, Measured, Variant } from './domain'
import { formatBytes, formatDifference, formatShare, formatValue } from './format'
import { METRICS, type Metric, mainMetric, mainValue } from './metrics'

/** What the numbers allow one to claim; 'uncertain': measured, and no difference shown. */
export type ClaimTone = 'better' | 'worse' | 'uncertain'

/** 'unknown': not measured or not compared. */
export type Tone = ClaimTone | 'unknown'

/** One part of the verdict: `text` for the sentence, `figure` and `detail` for a tile. */
export interface Clause {
  tone: Tone
  text: string
  figure: string
  detail: string
  /** The text with the numbers behind it, for reports. */
  full: string
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
  reference: Pick<Variant, 'model'>,
  variant: Pick<Variant, 'model'>,
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
export function ratioTone(ratio: Pick<LatencyRatio, 'low' | 'high'>): ClaimTone {
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

type Interval = Pick<LatencyRatio, 'ratio' | 'low' | 'high'> & Partial<LatencyRatio>

/** A ratio in a table cell: '2.0× faster', or 'no difference shown'. */
export function ratioText(ratio: Interval): string {
  return ratioTone(ratio) === 'uncertain' ? 'no difference shown' : speedText(ratio.ratio)
}

/** The same with its interval: '2.0× faster (1.9× to 2.1× faster)'. */
export function describeRatio(ratio: Interval): string {
  return `${ratioText(ratio)} (${rangeOf(ratio)})`
}

/** Speed in words. `ratios` as `ratiosBetween` gives them: the first one speaks, another that contradicts it is named. */
export function speedClause(ratios: readonly LatencyRatio[]): Clause {
  const first = ratios[0]
  if (!first) {
    const text = 'speed not compared'
    return { tone: 'unknown', text, figure: '–', detail: 'Not measured together yet', full: text }
  }
  const tone = ratioTone(first)
  const range = rangeOf(first)
  const setting = `batch ${first.batch}, ${first.threads} ${first.threads === 1 ? 'thread' : 'threads'}`
  const detail = `${range} · ${setting}, interleaved`
  const figure = ratioText(first)
  if (tone === 'uncertain') {
    const text = 'no speed difference shown'
    return { tone, text, figure, detail, full: `${text} (${range})` }
  }
  const against = ratios.find(r => {
    const other = ratioTone(r)
    return other !== 'uncertain' && other !== tone
  })
  if (!against) return { tone, text: figure, figure, detail, full: describeRatio(first) }
  const [here, there] = [`at batch ${first.batch}`, `at ${otherSetting(first, against)}`]
  return {
    tone,
    text: `${figure} ${here} (${ratioText(against)} ${there})`,
    figure,
    detail,
    full: `${describeRatio(first)} ${here}, but ${describeRatio(against)} ${there}`,
  }
}

function otherSetting(first: LatencyRatio, other: LatencyRatio): string {
  if (other.batch !== first.batch) return `batch ${other.batch}`
  return `${other.threads} ${other.threads === 1 ? 'thread' : 'threads'}`
}

/** Both ends of a ratio's interval as speed-ups or slow-downs, the smaller effect first. */
export function rangeOf(ratio: Interval): string {
  const tone = ratioTone(ratio)
  if (tone === 'uncertain') return `between ${speedText(ratio.low)} and ${speedText(ratio.high)}`
  const ends = tone === 'better' ? [1 / ratio.high, 1 / ratio.low] : [ratio.low, ratio.high]
  const [low, high] = ends.map(e => factorText(e))
  // A narrow interval needs another digit to be one.
  const text = low === high && low?.endsWith('×') ? ends.map(e => `${e.toFixed(2)}×`) : [low, high]
  return `${text.join(' to ')} ${tone === 'better' ? 'faster' : 'slower'}`
}

/** '3.9× smaller', '1.2× larger', or 'the same size' within a thousandth. Sizes in bytes. */
export function describeSize(from: number, to: number): string {
  return sizeClause(from, to).text
}

/** Size in words, from bytes. */
export function sizeClause(from: number, to: number): Clause {
  const detail = `${formatBytes(from)} → ${formatBytes(to)}`
  const said = (tone: Tone, text: string, figure = text): Clause => ({
    tone,
    text,
    figure,
    detail,
    full: `${text} (${detail})`,
  })
  if (!(from > 0) || !(to > 0)) return said('unknown', 'size unknown', '–')
  if (Math.abs(to - from) / from < 0.001) return said('uncertain', 'the same size', 'same size')
  return to < from
    ? said('better', `${factorText(from / to)} smaller`)
    : said('worse', `${factorText(to / from)} larger`)
}

/** Better, worse, or uncertain where the interval covers zero or nobody knows which way is better. */
export function differenceTone(difference: Difference): ClaimTone {
  const metric = METRICS.find(m => m.id === difference.metric)
  if (!metric || !difference.shown || difference.value === 0) return 'uncertain'
  return difference.value > 0 === (metric.better === 'higher') ? 'better' : 'worse'
}

/** The difference in the variant's main metric, where there is one. */
export function mainDifference(
  variant: Pick<Variant, 'evaluation'>,
  differences: readonly Difference[],
): Difference | undefined {
  const main = mainMetric(variant).id
  return differences.find(d => d.metric === main)
}

/** Quality in words: the paired difference of the main metric, else agreement, else that nothing is known. */
export function qualityClause(
  reference: Pick<Variant, 'evaluation'>,
  variant: Pick<Variant, 'evaluation'>,
  differences: readonly Difference[],
): Clause {
  const { evaluation } = variant
  if (!evaluation) {
    const what = reference.evaluation ? metricWord(mainMetric(reference)) : 'accuracy'
    return unknownClause(`${what} not measured`, '–', 'Not evaluated yet')
  }
  const samples = `${evaluation.data.count.toLocaleString('en-US')} ${evaluation.data.count === 1 ? 'sample' : 'samples'}`
  const metric = mainMetric(variant)
  const difference = mainDifference(variant, differences)
  if (difference) return differenceClause(difference, metric, samples)
  const value = mainValue(variant)
  if (metric.id === 'agreement' || metric.id === 'cosine') return agreementClause(value, metric, samples)
  return unknownClause(
    `${metricWord(metric)} not compared`,
    value ? formatValue(value.value, metric.unit) : '–',
    `${metric.title} on ${samples}; not compared on the same samples`,
  )
}

function unknownClause(text: string, figure: string, detail: string): Clause {
  return { tone: 'unknown', text, figure, detail, full: text }
}

function differenceClause(difference: Difference, metric: Metric, samples: string): Clause {
  const word = metricWord(metric)
  const tone = differenceTone(difference)
  const numbers = formatDifference({ ...difference, shown: true }, metric.unit)
  const detail = `${numbers} · ${samples}, ${difference.test}`
  const said = (text: string, figure: string): Clause => ({
    tone,
    text,
    figure,
    detail,
    full: `${text}: ${numbers}`,
  })
  if (tone === 'uncertain') {
    const loss = metric.better === 'higher' ? -difference.low : difference.high
    const hidden =
      metric.unit === 'share' && loss > WIDE
        ? ` (a loss of up to ${(loss * 100).toFixed(1)} points is possible)`
        : ''
    return said(`no ${word} difference shown on ${samples}${hidden}`, 'no difference shown')
  }
  const change = `${amount(Math.abs(difference.value), metric)} ${difference.value > 0 ? 'higher' : 'lower'}`
  return said(`${word} ${change} on ${samples}`, change)
}

function agreementClause(value: Measured | undefined, metric: Metric, samples: string): Clause {
  const detail = `On ${samples}, without labels`
  if (!value) return unknownClause('accuracy not measured', '–', detail)
  if (metric.id === 'agreement') {
    const share = formatShare(value.value, value.value === 1 ? 0 : 1)
    const text = `the same answer as the teacher on ${share} of ${samples}`
    const tone = value.value === 1 ? 'uncertain' : 'unknown'
    return { tone, text, figure: `${share} same answers`, detail, full: text }
  }
  const cosine = value.value.toFixed(4)
  return unknownClause(
    `outputs match the teacher’s with cosine ${cosine} on ${samples}`,
    `cosine ${cosine}`,
    detail,
  )
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
  const size = sizeClause(reference.summary.sizeBytes, variant.summary.sizeBytes)
  const quality = qualityClause(reference, variant, comparison.differences)
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
  const value = mainValue(variant)
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
