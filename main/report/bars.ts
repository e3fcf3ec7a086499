/** Bar chart of time per operator, and the confusion matrix, as markup. */
import type { Evaluation, Profile } from '../../shared/domain'
import { formatMs, formatShare } from '../../shared/format'
import { type Fragment, html } from './html'

const WIDTH = 720
const ROW = 22
const LABEL = 190
const VALUE = 130
const MOST_OPERATORS = 12
const MOST_CLASSES = 40

/** Mean time of each operator type in one run, longest first; those beyond twelve are summed. Reference as outline. */
export function operatorBars(profile: Profile, reference: Profile | null): Fragment | null {
  const rows = grouped(profile)
  if (rows.length === 0) return null
  const times = new Map(reference?.byOperator.map(o => [o.op, o.us]) ?? [])
  const longest = Math.max(...rows.map(r => Math.max(r.us, times.get(r.op) ?? 0)))
  const width = (us: number) => ((us / longest) * (WIDTH - LABEL - VALUE)).toFixed(1)
  const height = rows.length * ROW + 4
  return html`<figure>
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Time per operator">
${rows.map((row, i) => {
  const y = i * ROW + 4
  const before = times.get(row.op)
  return html`<text class="name" x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${row.op} ×${row.count}</text>
<rect class="bar" x="${LABEL}" y="${y}" width="${width(row.us)}" height="16"/>
${before !== undefined && html`<rect class="bar-reference" x="${LABEL}" y="${y}" width="${width(before)}" height="16"/>`}
<text class="value" x="${WIDTH - VALUE + 8}" y="${y + 13}">${formatMs(row.us / 1000)} (${formatShare(row.us / Math.max(profile.kernelUs, 1e-12), 0)})</text>`
})}
</svg>
<figcaption>Time per operator as ONNX Runtime ran it, batch ${profile.batch}, ${profile.threads} thread${profile.threads === 1 ? '' : 's'}, mean of ${profile.runs} runs; shares of kernel time.${reference ? ' Outlines: the same operator in the reference.' : ''}</figcaption>
</figure>`
}

function grouped(profile: Profile): Profile['byOperator'] {
  const sorted = [...profile.byOperator].sort((a, b) => b.us - a.us)
  if (sorted.length <= MOST_OPERATORS) return sorted
  const rest = sorted.slice(MOST_OPERATORS - 1)
  const sum = (pick: (o: (typeof rest)[number]) => number) => rest.reduce((total, o) => total + pick(o), 0)
  return [
    ...sorted.slice(0, MOST_OPERATORS - 1),
    { op: `${rest.length} other operators`, us: sum(o => o.us), count: sum(o => o.count) },
  ]
}

/** Rows are the true classes, columns the answers. Null without a matrix, or with more classes than can be read. */
export function confusionMatrix(evaluation: Evaluation): Fragment | null {
  const { confusion, perClass } = evaluation
  if (confusion.length === 0 || confusion.length > MOST_CLASSES) return null
  const names = confusion.map((_, i) => perClass[i]?.name ?? String(i))
  return html`<div class="scroll"><table class="confusion"><caption>Confusion matrix: rows are the labels, columns the model's answers</caption>
<tr><td></td>${names.map(name => html`<th scope="col">${name}</th>`)}</tr>
${confusion.map((row, actual) => {
  const total = row.reduce((sum, n) => sum + n, 0)
  return html`<tr><th scope="row">${names[actual]}</th>${row.map(
    (n, predicted) =>
      html`<td class="${actual === predicted ? 'right' : 'wrong'}" style="--share:${(total > 0 ? n / total : 0).toFixed(3)}">${n === 0 ? '' : n}</td>`,
  )}</tr>`
})}
</table></div>`
}
