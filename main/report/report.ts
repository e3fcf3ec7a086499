/** The report of a study: one HTML file that needs nothing else, on screen and on paper. */
import type { Variant } from '../../shared/domain'
import { mainMetric, metricById } from '../../shared/metrics'
import { comparisonTable } from './comparison'
import { type Fragment, html, trusted } from './html'
import { type ReportInput, referenceOf } from './input'
import { tradeOffChart } from './scatter'
import { evidenceSection, methodSection, variantSection } from './section'
import { STYLE } from './style'
import { verdicts } from './verdict'

/** The whole document as text. Contains no script and refers to nothing outside itself. */
export function reportHtml(input: ReportInput): string {
  const reference = referenceOf(input.variants)
  const policy = "default-src 'none'; style-src 'unsafe-inline'"
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="generator" content="Bantam ${input.bantam}">
<title>${input.study.name} – Bantam report</title>
<style>${trusted(STYLE)}</style></head>
<body><main>
<h1>${input.study.name}</h1>
<p class="made">${input.variants.length} model${input.variants.length === 1 ? '' : 's'}, ${input.generatedAt.slice(0, 16).replace('T', ' ')}, Bantam ${input.bantam}</p>
<div class="verdict">${verdicts(input).map(sentence => html`<p>${sentence}</p>`)}</div>
${charts(input.variants.map(v => v.variant))}
<h2>Comparison</h2>
${comparisonTable(input)}
<h2>Variants</h2>
${input.variants.map((v, i) => variantSection(v, i + 1, reference))}
${methodSection(input)}
${evidenceSection(input)}
</main></body></html>
`
  return page.markup
}

/** Quality against size, and against latency where it was measured. */
function charts(variants: readonly Variant[]): Fragment | null {
  const measured = variants.find(v => v.evaluation)
  if (!measured) {
    const plot = tradeOffChart(variants, metricById('sizeBytes'), metricById('latency1'))
    return plot && html`<h2>Trade-off</h2>${plot}`
  }
  const quality = metricForAll(variants)
  const size = tradeOffChart(variants, metricById('sizeBytes'), quality)
  const speed = tradeOffChart(variants, metricById('latency1'), quality)
  return size || speed ? html`<h2>Trade-off</h2>${size}${speed}` : null
}

/** The main metric of the variant that has the most to say; agreement is what unlabelled models are compared on. */
function metricForAll(variants: readonly Variant[]) {
  const counts = variants.filter(v => v.evaluation).map(v => mainMetric(v))
  const best = counts.sort((a, b) => readers(variants, b) - readers(variants, a))[0]
  return best ?? metricById('cosine')
}

function readers(variants: readonly Variant[], metric: ReturnType<typeof metricById>): number {
  return variants.filter(v => metric.read(v)).length
}
