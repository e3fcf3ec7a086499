/** The comparison of all variants as an HTML table: numbers with intervals, and paired differences to the reference. */
import type { Difference } from '../../shared/domain'
import { formatDifference, formatMeasured } from '../../shared/format'
import { availableMetrics, METRICS, type Metric } from '../../shared/metrics'
import { describeRatio, describeSize } from '../../shared/verdict'
import { type Content, type Fragment, html } from './html'
import { type ReportInput, referenceOf } from './input'
import { qualityDifference, ratiosOf } from './verdict'

/** The numbers that decide, with what they say against the reference; then the others. */
export function comparisonTable(input: ReportInput): Fragment {
  const metrics = availableMetrics(input.variants.map(v => v.variant))
  // Without labels, agreement with the reference is what there is of quality.
  const labelled = metrics.some(m => m.id === 'accuracy' || m.id === 'mae')
  const isMain = (m: Metric) => MAIN.has(m.id) || (!labelled && AGREEMENT.has(m.id))
  const main = metrics.filter(isMain)
  const quality = metrics.filter(m => !isMain(m) && (QUALITY.has(m.id) || AGREEMENT.has(m.id)))
  const speed = metrics.filter(m => SPEED.has(m.id))
  return html`${table(input, main, true)}${quality.length > 0 && html`<h3>More on quality</h3>${table(input, quality, false)}`}${speed.length > 0 && html`<h3>More on speed</h3>${table(input, speed, false)}`}`
}

function table(input: ReportInput, metrics: readonly Metric[], compare: boolean): Fragment {
  const reference = referenceOf(input.variants)
  return html`<div class="scroll"><table class="comparison">
<thead><tr><th scope="col">#</th><th scope="col">Variant</th>${metrics.map(
    m => html`<th scope="col">${m.title}<small>${m.better} is better</small></th>`,
  )}${compare && html`<th scope="col">Against the reference<small>same samples, interleaved timing</small></th>`}</tr></thead>
<tbody>${input.variants.map(
    (
      v,
      i,
    ) => html`<tr class="${v === reference ? 'reference' : ''}"><td>${i + 1}</td><th scope="row">${v.variant.name}</th>
${metrics.map(m => html`<td>${cell(m, m.read(v.variant))}</td>`)}
${compare && html`<td class="against">${v === reference ? 'reference' : against(input, i)}</td>`}</tr>`,
  )}</tbody></table></div>`
}

const MAIN = new Set(['accuracy', 'mae', 'r2', 'sizeBytes', 'latency1'])
const AGREEMENT = new Set(['agreement', 'cosine'])
const QUALITY = new Set(['balancedAccuracy', 'macroF1', 'logLoss', 'ece', 'rmse', 'sqnr'])
const SPEED = new Set(['latency32', 'throughput', 'loadMs', 'peakMemory', 'energy'])

function cell(metric: Metric, measured: ReturnType<Metric['read']>): Content {
  if (!measured) return html`<span class="none">not measured</span>`
  const text = formatMeasured(measured, metric.unit)
  const bracket = text.indexOf(' (')
  return bracket < 0 ? text : html`${text.slice(0, bracket)}<small>${text.slice(bracket + 1)}</small>`
}

function against(input: ReportInput, index: number): Content {
  const reference = referenceOf(input.variants)?.variant
  const variant = input.variants[index]?.variant
  if (!reference || !variant) return null
  const [ratio] = ratiosOf(input.benchmark, reference, variant)
  const main = qualityDifference(reference, variant)
  return html`<ul><li>Size: ${describeSize(reference.summary.sizeBytes, variant.summary.sizeBytes)}</li>
${ratio && html`<li>Speed: ${describeRatio(ratio)}</li>`}
${main && html`<li>${describeDifference(main)}</li>`}</ul>`
}

/** 'Accuracy: no difference shown: −0.10 points (−0.30 to +0.10), p = 0.42 (exact McNemar)'. */
export function describeDifference(difference: Difference): string {
  const metric = METRICS.find(m => m.id === difference.metric)
  const text = formatDifference(difference, metric?.unit ?? 'number')
  const p = difference.p < 0.001 ? 'p < 0.001' : `p = ${difference.p.toFixed(3)}`
  return `${metric?.title ?? difference.metric}: ${text}, ${p} (${difference.test})`
}
