/** Curves of training records, as rows of a chart. */

import { formatValue } from '../../../shared/format'
import { METRICS, type Metric } from '../../../shared/metrics'
import type { TrainingRecord } from '../../../shared/training'
import { categories, colors } from '../ui/theme'

export interface Line {
  /** Name of the value in the rows. */
  key: string
  name: string
  color: string
  dashed?: boolean
  thin?: boolean
  /** Few values, far apart: drawn with a dot each. */
  dots?: boolean
}

/** x, and the values of the lines that have one there. */
export type CurveRow = { x: number } & Record<string, number | null>

export interface Curves {
  rows: CurveRow[]
  lines: Line[]
}

/** Unit of a record's metric by the catalogue; a plain number where the catalogue does not know it. */
export function metricUnit(name: string): Metric['unit'] {
  return METRICS.find(m => m.id === name)?.unit ?? 'number'
}

export function formatMetric(record: Pick<TrainingRecord, 'metric'>, value: number): string {
  return formatValue(value, metricUnit(record.metric.name))
}

/** Loss over epochs with its parts, where there are several, and the loss of the held-out samples. */
export function lossCurves(record: TrainingRecord): Curves {
  const parts = record.parts.length > 1 ? record.parts : []
  const rows: CurveRow[] = record.points.map(p => ({
    x: p.epoch,
    loss: finite(p.loss),
    ...Object.fromEntries(parts.map((_, i) => [`part${i}`, finite(p.parts[i])])),
  }))
  const held = few(
    record.epochs.flatMap(e =>
      e.validation?.loss == null ? [] : [{ x: e.epoch, held: finite(e.validation.loss) }],
    ),
    row => row.held,
  )
  return {
    rows: byX([...rows, ...held]),
    lines: [
      { key: 'loss', name: parts.length > 0 ? 'total' : 'training', color: colors.text },
      ...parts.map((name, i) => ({
        key: `part${i}`,
        name,
        color: categories[i % categories.length] ?? colors.dim,
        thin: true,
      })),
      ...(held.length > 0
        ? [
            {
              key: 'held',
              name: validationName(record),
              color: colors.teacher,
              dashed: true,
              dots: held.length < 60,
            },
          ]
        : []),
    ],
  }
}

/** The validation loss is of the answers alone, without the parts that are trained on. */
function validationName({ metric }: TrainingRecord): string {
  const isError = metric.name === 'rmse' || metric.name === 'distance'
  return isError ? 'validation, squared error' : 'validation, cross entropy'
}

/** The validation metric, a value per epoch. */
export function metricCurves(record: TrainingRecord): Curves {
  const rows = few(
    record.epochs.flatMap(e => (e.validation ? [{ x: e.epoch, metric: finite(e.validation.metric) }] : [])),
    row => row.metric,
  )
  return {
    rows,
    lines: [{ key: 'metric', name: 'student', color: colors.variant, dots: rows.length < 60 }],
  }
}

export function rateCurves(record: TrainingRecord): Curves {
  return {
    rows: record.points.map(p => ({ x: p.epoch, rate: finite(p.learningRate) })),
    lines: [{ key: 'rate', name: 'learning rate', color: categories[2] }],
  }
}

export type Measure = 'metric' | 'loss'

/** Name of the measure that two records can be compared by. */
function measureName(record: TrainingRecord, by: Measure): string {
  return by === 'loss' ? 'loss' : record.metric.name
}

export interface NamedRecord {
  id: string
  name: string
  record: TrainingRecord
}

/**
 * Several runs over epochs, one line each. Runs that measure something else than the first are left out and named,
 * since they do not fit on one axis.
 */
export function overlay(runs: readonly NamedRecord[], by: Measure): Curves & { left: string[] } {
  const [first] = runs
  if (!first) return { rows: [], lines: [], left: [] }
  const fits = (run: NamedRecord) => measureName(run.record, by) === measureName(first.record, by)
  const rows = runs.flatMap((run, i) => {
    const key = `run${i}`
    const values = run.record.epochs.flatMap(e => {
      const value = by === 'loss' ? e.loss : e.validation?.metric
      return fits(run) && value !== undefined ? [{ x: e.epoch, [key]: finite(value) }] : []
    })
    return few(values, row => row[key] ?? null)
  })
  return {
    rows: byX(rows),
    lines: runs.flatMap((run, i) =>
      fits(run) ? [{ key: `run${i}`, name: run.name, color: runColor(i), dots: true }] : [],
    ),
    left: runs.filter(run => !fits(run)).map(run => run.name),
  }
}

/** Values of the later two thirds of the curves: what is left to see once the first steep part is over. */
export function lateValues({ rows, lines }: Curves): number[] {
  const last = Math.max(...rows.map(r => r.x))
  return rows.filter(r => r.x >= last / 3).flatMap(row => lines.flatMap(line => row[line.key] ?? []))
}

/** Hue of the i-th run of a comparison. */
export function runColor(i: number): string {
  return categories[i % categories.length] ?? colors.variant
}

/** Rows of a line at most: more are slow to draw again and again, and closer than pixels. */
const MOST_ROWS = 300

/** Of many rows in their order, the least and the greatest of every few neighbours, and the last: no spike is lost. */
function few<T>(rows: T[], value: (row: T) => number | null): T[] {
  if (rows.length <= MOST_ROWS) return rows
  const size = Math.ceil((2 * rows.length) / MOST_ROWS)
  const kept = new Set<T>()
  for (let from = 0; from < rows.length; from += size) {
    const near = rows.slice(from, from + size).filter(row => value(row) !== null)
    const values = near.map(row => value(row) ?? 0)
    const ends = [values.indexOf(Math.min(...values)), values.indexOf(Math.max(...values))]
    for (const at of ends) if (near[at]) kept.add(near[at])
  }
  const last = rows.at(-1)
  if (last) kept.add(last)
  return rows.filter(row => kept.has(row))
}

/** Values at the same x in one row, in the order of x. */
function byX(rows: readonly ({ x: number } & Record<string, number | null>)[]): CurveRow[] {
  const merged = new Map<number, CurveRow>()
  for (const row of rows) merged.set(row.x, { ...merged.get(row.x), ...row })
  return [...merged.values()].sort((a, b) => a.x - b.x)
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null
}

/** Epochs the x axis shows: all that are planned while it goes on, only those that were when it is over. */
export function epochSpan(record: TrainingRecord): number {
  const last = Math.max(record.points.at(-1)?.epoch ?? 0, record.epochs.at(-1)?.epoch ?? 0)
  return record.ended === null ? Math.max(record.totalEpochs, last) : Math.max(last, 1)
}

/** Evenly spaced losses for a tiny curve, at most `count`. */
export function sparkValues(record: TrainingRecord, count = 40): number[] {
  const values = record.points.map(p => p.loss).filter(Number.isFinite)
  if (values.length <= count) return values
  return Array.from(
    { length: count },
    (_, i) => values[Math.round((i * (values.length - 1)) / (count - 1))] ?? 0,
  )
}
