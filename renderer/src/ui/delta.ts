import type { Difference, Variant } from '../../../shared/domain'
import { formatSpeed } from '../../../shared/format'
import { type Metric, metricById } from '../../../shared/metrics'

export type Tone = 'better' | 'worse' | 'uncertain'

export interface Delta {
  /** Short: '−74 %', '2.1× faster', '+0.20 points'. */
  text: string
  tone: Tone
  /** Whole sentence, for titles and screen readers. */
  title: string
}

/** Better, worse, or uncertain where the interval covers zero. */
export function differenceTone(difference: Difference): Tone {
  if (!difference.shown || difference.value === 0) return 'uncertain'
  const higher = metricById(difference.metric).better === 'higher'
  return difference.value > 0 === higher ? 'better' : 'worse'
}

function signed(value: number, digits: number): string {
  const sign = value > 0 ? '+' : value < 0 ? '−' : '±'
  return `${sign}${Math.abs(value).toFixed(digits)}`
}

/** Latency of the variant relative to the reference at a batch size, from the interleaved measurement. */
export function speedDelta(variant: Variant, reference: Variant, batch = 1): Delta | null {
  const ratio = variant.benchmark?.ratios.find(
    r => r.a === reference.model && r.b === variant.model && r.batch === batch,
  )
  if (!ratio) return null
  const title = `${formatSpeed(ratio.ratio)} than ${reference.name} at batch ${batch} (ratio ${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`
  if (ratio.low <= 1 && ratio.high >= 1) {
    return { text: 'same speed', tone: 'uncertain', title: `No difference shown: ${title}` }
  }
  // A factor of 1.0 would say nothing: small changes are told in per cent.
  const percent = Math.abs(1 / ratio.ratio - 1) * 100
  const small = `${percent.toFixed(percent < 1 ? 1 : 0)} % ${ratio.ratio < 1 ? 'faster' : 'slower'}`
  return {
    text: percent < 9.5 ? small : formatSpeed(ratio.ratio),
    tone: ratio.ratio < 1 ? 'better' : 'worse',
    title,
  }
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
