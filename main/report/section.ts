/** A report's section about one variant, and the one about how the numbers were obtained. */
import type { Agreement, Hardware, Note, PerClass } from '../../shared/domain'
import { formatBytes, formatCount, formatShare } from '../../shared/format'
import { confusionMatrix, operatorBars } from './bars'
import { describeDifference } from './comparison'
import { type Content, type Fragment, html } from './html'
import { type ReportInput, type ReportVariant, referenceOf } from './input'
import { groupNotes } from './notes'

const MOST_NOTES = 60
const MOST_OUTPUTS = 20
const MOST_CLASSES = 100

/** What was done to make the variant, what was left alone and why, its time per operator, its mistakes. */
export function variantSection(
  v: ReportVariant,
  number: number,
  reference: ReportVariant | undefined,
): Fragment {
  const { variant, evaluation, plan, profile } = v
  const notes = [...(plan?.notes ?? variant.plan?.notes ?? []), ...(variant.verification?.notes ?? [])]
  return html`<section class="variant"><h3 id="variant-${number}">${number}. ${variant.name}</h3>
<p>${variant.summary.nodes} nodes, ${formatCount(variant.summary.parameters)} parameters, ${formatCount(variant.summary.macs)} multiply-accumulates for one sample, ${formatBytes(variant.summary.sizeBytes)}, opset ${variant.summary.opset}.</p>
${recipe(v)}
${proof(v)}
${notes.length > 0 && html`<h4>Notes of the technique</h4>${noteList(notes)}`}
${variant.summary.notes.length > 0 && html`<h4>About the file</h4>${noteList(variant.summary.notes)}`}
${evaluation && evaluation.differences.length > 0 && html`<h4>Differences to the reference, on the same samples</h4><ul>${evaluation.differences.map(d => html`<li>${describeDifference(d)}</li>`)}</ul>`}
${evaluation && evaluation.agreement.length > 0 && agreementTable(evaluation.agreement)}
${evaluation && evaluation.perClass.length > 0 && evaluation.perClass.length <= MOST_CLASSES && classTable(evaluation.perClass)}
${evaluation && confusionMatrix(evaluation)}
${evaluation && evaluation.notes.length > 0 && noteList(evaluation.notes)}
${profile && operatorBars(profile, v === reference ? null : (reference?.profile ?? null))}
${profile && html`<p>Share of kernel time in int8 kernels ${formatShare(profile.shares.int8, 0)}, in quantizing and dequantizing ${formatShare(profile.shares.quantizeDequantize, 0)}, in conversions ${formatShare(profile.shares.conversion, 0)}.</p>`}
</section>`
}

function recipe(v: ReportVariant): Content {
  const { step } = v.variant
  if (!step) return html`<p>The model as it was brought in.</p>`
  const options = Object.entries(v.plan?.options ?? step.options)
  return html`<p>Made with <code>${step.technique}</code>, seed ${v.variant.seed}.</p>
${options.length > 0 && html`<table class="options"><caption>Options</caption>${options.map(([name, value]) => html`<tr><th scope="row">${name}</th><td><code>${JSON.stringify(value)}</code></td></tr>`)}</table>`}`
}

function proof({ variant: { verification } }: ReportVariant): Content {
  if (!verification) return null
  const { parity } = verification
  const loads = verification.loads
    ? 'The saved file was loaded and run by a fresh process with stock ONNX Runtime.'
    : 'The saved file does not load in stock ONNX Runtime.'
  if (!parity) return html`<p>${loads}</p>`
  const sqnr = parity.sqnr === null ? 'identical outputs' : `${parity.sqnr.toFixed(1)} dB signal to noise`
  return html`<p>${loads} Against its parent on ${parity.samples} sample${parity.samples === 1 ? '' : 's'}: cosine ${parity.cosine.toFixed(6)}, largest difference ${parity.maxAbs.toPrecision(3)}, ${sqnr}.</p>`
}

/** The same reason for forty nodes is one line with forty names. */
function noteList(notes: readonly Note[]): Fragment {
  const groups = groupNotes(notes)
  const more = groups.length - MOST_NOTES
  return html`<ul class="notes">${groups
    .slice(0, MOST_NOTES)
    .map(
      ({ note, message, nodes }) =>
        html`<li class="${note.severity}">${message}${note.action && html` ${note.action}`}${nodes.length > 0 && html` <span class="nodes">${nodes.join(', ')}</span>`}</li>`,
    )}${more > 0 && html`<li>${more} more.</li>`}</ul>`
}

function agreementTable(agreement: readonly Agreement[]): Fragment {
  return html`<div class="scroll"><table><caption>Agreement with the reference, per output</caption>
<tr><th scope="col">Output</th><th scope="col">Cosine</th><th scope="col">Largest difference</th><th scope="col">Signal to noise</th><th scope="col">KL divergence</th><th scope="col">Same answer</th></tr>
${agreement
  .slice(0, MOST_OUTPUTS)
  .map(
    a =>
      html`<tr><th scope="row">${a.output}</th><td>${a.cosine.toFixed(6)}</td><td>${a.maxAbs.toPrecision(3)}</td><td>${a.sqnr === null ? 'identical' : `${a.sqnr.toFixed(1)} dB`}</td><td>${a.kl === undefined ? '–' : `${a.kl.toPrecision(3)} nats`}</td><td>${a.top1 === undefined ? '–' : formatShare(a.top1)}</td></tr>`,
  )}</table></div>`
}

function classTable(perClass: readonly PerClass[]): Fragment {
  return html`<details><summary>Per class</summary><div class="scroll"><table>
<tr><th scope="col">Class</th><th scope="col">Samples</th><th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th></tr>
${perClass.map(c => html`<tr><th scope="row">${c.name}</th><td>${c.count}</td><td>${formatShare(c.precision)}</td><td>${formatShare(c.recall)}</td><td>${formatShare(c.f1)}</td></tr>`)}
</table></div></details>`
}

/** Samples, split, seeds, hardware, threads, versions and tests behind the numbers. */
export function methodSection(input: ReportInput): Fragment {
  const { benchmark } = input
  const evaluated = input.variants.flatMap(v => v.variant.evaluation ?? [])
  const tests = [...new Set(evaluated.flatMap(e => e.differences.map(d => d.test)))]
  const first = evaluated[0]
  return html`<section><h2>How the numbers were obtained</h2><ul>
${input.datasets.map(
  d =>
    html`<li>Data: ${d.spec.source} (${d.format}), ${d.count} samples${d.classes.length > 0 && html`, ${d.classes.length} classes`}; split with seed ${d.spec.split.seed} into ${d.splits.train} training, ${d.splits.calibration} calibration and ${d.splits.test} test samples.</li>`,
)}
${first && html`<li>Quality was measured on ${first.data.count} samples (${first.data.split === 'all' ? 'all of them' : `the ${first.data.split} split`}), the same for every model. Intervals are 95 %: Wilson for shares of samples, bootstrap otherwise.</li>`}
${tests.length > 0 && html`<li>Differences are paired, on the same samples: ${tests.join('; ')}. “No difference shown” means that the 95 % interval of the difference covers zero; it does not prove that there is none.</li>`}
${benchmark && timing(input)}
<li>Parameters, multiply-accumulates and sizes are counted from the files${unknownCost(input)}.</li>
<li>Made by Bantam ${input.bantam} at ${input.generatedAt}.</li></ul>
${benchmark && benchmark.notes.length > 0 && noteList(benchmark.notes)}</section>`
}

function timing({ benchmark }: ReportInput): Content {
  if (!benchmark) return null
  const unique = (values: number[]) => [...new Set(values)].sort((a, b) => a - b).join(', ')
  const runs = benchmark.rows.map(r => r.latencyMs.runs)
  const devices = [...new Set(benchmark.rows.map(r => r.device))].join(', ')
  return html`<li>Latency: models take turns after warm-up, in rounds that open them anew; medians of ${Math.min(...runs)} to ${Math.max(...runs)} runs with 95 % intervals from order statistics; batch ${unique(benchmark.rows.map(r => r.batch))}; threads ${unique(benchmark.rows.map(r => r.threads))}; device ${devices}. Load time and peak memory are those of a fresh process.</li>
<li>Energy: ${benchmark.energy.available ? `measured (${benchmark.energy.source})` : `not available (${benchmark.energy.source})`}.</li>
<li>Machine: ${machine(benchmark.hardware)}.</li>`
}

function machine(h: Hardware): string {
  const parts = [
    h.cpu,
    `${h.physicalCores} cores (${h.logicalCores} logical)`,
    formatBytes(h.memoryBytes),
    `${h.os} ${h.arch}`,
    h.features.length > 0 ? h.features.join(' ') : '',
    ...h.gpus,
    `Node ${h.node}`,
    `ONNX Runtime ${h.onnxruntime}`,
  ]
  return parts.filter(Boolean).join(', ')
}

function unknownCost(input: ReportInput): string {
  const names = new Set(input.variants.flatMap(v => Object.keys(v.variant.summary.unknownCost)))
  return names.size > 0
    ? `; operators of unknown cost are left out of the sums: ${[...names].join(', ')}`
    : ''
}

/** Hashes that tie the report to files. */
export function evidenceSection(input: ReportInput): Fragment {
  const reference = referenceOf(input.variants)
  return html`<section><h2>Evidence</h2><div class="scroll"><table class="hashes">
<tr><th scope="col">What</th><th scope="col">SHA-256</th></tr>
${input.variants.map(
  v =>
    html`<tr><th scope="row">${v.variant.name}${v === reference && ' (reference)'}</th><td><code>${v.variant.model}</code></td></tr>${
      v.variant.plan &&
      html`<tr><th scope="row">its plan</th><td><code>${v.variant.plan.digest}</code></td></tr>`
    }`,
)}
${input.datasets.map(d => html`<tr><th scope="row">data ${d.spec.source}</th><td><code>${d.hash}</code></td></tr>`)}
</table></div></section>`
}
