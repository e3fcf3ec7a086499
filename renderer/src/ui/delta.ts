import type { Variant } from '../../../shared/domain'
import type { Metric } from '../../../shared/metrics'
import {
  type ClaimTone,
  differenceTone,
  rangeOf,
  ratiosBetween,
  ratioTone,
  speedText,
} from '../../../shared/verdict'

export interface Delta {
  /** Short: '−74 %', '2.1× faster', '+0.20 points'. */
  text: string
  tone: ClaimTone
  /** Whole sentence, for titles and screen readers. */
  title: string
}

function signed(value: number, digits: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '±'
  return `${sign}${Math.abs(value).toFixed(digits)}`
}

/** Latency of the variant relative to the reference at a batch size, from the interleaved measurement. */
export function speedDelta(variant: Variant, reference: Variant, batch = 1): Delta | null {
  const ratio = ratiosBetween(reference, variant, variant.benchmark?.ratios ?? []).find(
    r => r.batch === batch,
  )
  if (!ratio) return null
  const tone = ratioTone(ratio)
  const title = `against ${reference.name} at batch ${batch} (${rangeOf(ratio)})`
  if (tone === 'uncertain') return { text: 'same speed', tone, title: `No speed difference shown ${title}` }
  const text = speedText(ratio.ratio)
  return { text, tone, title: `${text} ${title}` }
}

/** Change of a metric against the reference: paired difference where there is one, else the plain change. */
export function metricDelta(variant: Variant, reference: Variant, metric: Metric): Delta | null {
  if (variant.id === reference.id) return null
  if (metric.id === 'latency1') return speedDelta(variant, reference, 1)
  if (metric.id === 'latency32') return speedDelta(variant, reference, 32)
  const paired = variant.evaluation?.differences.find(d => d.metric === metric.id)
  if (paired && variant.evaluation?.reference === reference.model) {
    const share = metric.unit === 'share'
    const text = share ? `${signed(paired.value * 100, 2)} pt` : signed(paired.value, 3)
    const words = share ? `${signed(paired.value * 100, 2)} points` : signed(paired.value, 4)
    const said = paired.shown ? words : `No difference shown: ${words}`
    return {
      text,
      tone: differenceTone(paired),
      title: `${metric.title}: ${said} (${paired.test}, p = ${paired.p.toPrecision(2)})`,
    }
  }
  const [a, b] = [reference, variant].map(v => metric.read(v)?.value)
  if (a === undefined || b === undefined || a === 0) return null
  if (metric.unit !== 'bytes' && metric.unit !== 'count') return null
  const change = (b / a - 1) * 100
  const digits = Math.abs(change) < 10 ? 1 : 0
  const tone =
    Math.abs(change) < 0.05 ? 'uncertain' : change < 0 === (metric.better === 'lower') ? 'better' : 'worse'
  const text = `${signed(change, digits)} %`
  return { text, tone, title: `${metric.title}: ${text} against ${reference.name}` }
}
