/** The comparison of all variants for spreadsheets and scripts. */
import type { Variant } from '../../shared/domain'
import { availableMetrics } from '../../shared/metrics'

type Cell = string | number | null

/**
 * CSV by RFC 4180: CRLF, quotes doubled, one header row. Every metric has a value, a low and a high column (95 %);
 * differences to the reference likewise, with their p value. Numbers are unrounded, shares are of one.
 * Text that a spreadsheet would take for a formula is preceded by an apostrophe.
 */
export function comparisonCsv(variants: readonly Variant[]): string {
  const names = [
    'name',
    'technique',
    'parent',
    'model',
    ...new Set(variants.flatMap(v => Object.keys(numbers(v, variants)))),
  ]
  const rows = variants.map(variant => {
    const values: Record<string, Cell> = { ...identity(variant, variants), ...numbers(variant, variants) }
    return names.map(name => values[name] ?? null)
  })
  return [names, ...rows].map(row => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** The same as JSON: `{ variants: [{ name, technique, parent, model, metrics, differences, latency }] }`. */
export function comparisonJson(variants: readonly Variant[]): string {
  const metrics = availableMetrics(variants)
  const list = variants.map(variant => ({
    ...identity(variant, variants),
    metrics: Object.fromEntries(
      metrics.flatMap(m => {
        const measured = m.read(variant)
        return measured ? [[m.id, measured]] : []
      }),
    ),
    differences: variant.evaluation?.differences ?? [],
    latency: variant.benchmark?.rows.filter(r => r.model === variant.model) ?? [],
  }))
  return `${JSON.stringify({ variants: list }, null, 2)}\n`
}

function identity(variant: Variant, variants: readonly Variant[]) {
  return {
    name: variant.name,
    technique: variant.step?.technique ?? '',
    parent: variants.find(v => v.id === variant.parentId)?.name ?? '',
    model: variant.model,
  }
}

function numbers(variant: Variant, variants: readonly Variant[]): Record<string, number> {
  const cells: Record<string, number> = {}
  for (const metric of availableMetrics(variants)) {
    const measured = metric.read(variant)
    if (!measured) continue
    cells[metric.id] = measured.value
    if (measured.low !== undefined) cells[`${metric.id}_low`] = measured.low
    if (measured.high !== undefined) cells[`${metric.id}_high`] = measured.high
  }
  for (const d of variant.evaluation?.differences ?? []) {
    cells[`${d.metric}_difference`] = d.value
    cells[`${d.metric}_difference_low`] = d.low
    cells[`${d.metric}_difference_high`] = d.high
    cells[`${d.metric}_difference_p`] = d.p
  }
  return cells
}

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : ''
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
