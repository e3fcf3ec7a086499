/** The work of `bantam sensitivity`, and its result for a person. */
import { type TaskContext, within } from '../../main/jobs/context'
import { checkModel } from '../../main/onnx/check'
import { modelInputs } from '../../main/onnx/inputs'
import { readModel } from '../../main/onnx/read'
import { measureSensitivity } from '../../main/prune/sensitivity'
import { formatDuration, formatShare } from '../../shared/format'
import type { Importance, PruneSensitivity, SensitivityCurve, SensitivityPoint } from '../../shared/prune'
import type { Globals } from './command'
import { drawSamples, openData } from './data'
import type { DataOptions } from './data-options'
import { bar } from './sensitivity-bars'
import { columns, plain } from './terminal'
import { threadCount } from './threads'

/** Options of the command. */
export interface SensitivityOptions extends Globals, DataOptions {
  data: string
  importance: Importance
  keep: number[]
  samples: number
  group?: string[]
}

/** Throws what reading and measuring throw. */
export async function sensitivityOf(
  path: string,
  options: SensitivityOptions,
  context: TaskContext,
): Promise<PruneSensitivity> {
  const { importance, keep: keeps, samples: count, seed, split, group: groups } = options
  context.progress(0, 'Reading the model')
  const model = await readModel(path)
  checkModel(model, path)
  const dataset = await openData(options, modelInputs(model))
  try {
    const samples = { dataset, indices: drawSamples(dataset, split, count, seed) }
    const threads = await threadCount(options.threads)
    const wanted = groups ? { groups } : {}
    const request = { model, keeps, importance, samples, seed, threads, ...wanted }
    return await measureSensitivity(request, within(context, 0.02, 1))
  } finally {
    await dataset.close()
  }
}

export const METRIC: Record<PruneSensitivity['metric'], string> = {
  accuracy: 'accuracy on labels',
  rmse: 'root mean square error',
  agreement: 'share of answers that are those of the whole model',
  distance: 'relative distance from the answers of the whole model',
}

const MOST_ROWS = 40

/** A row for each part: what it takes of the model, and what the metric loses when about so much of it stays. */
export function describeSensitivity(found: PruneSensitivity, keeps: readonly number[]): string {
  const { metric, reference, curves, declined } = found
  const share = metric === 'accuracy' || metric === 'agreement'
  const most = Math.max(1e-12, ...curves.flatMap(c => c.points.map(p => p.drop.value)))
  const cell = (point: SensitivityPoint | undefined) =>
    point ? `${lost(point.drop.value, share)} ${bar(point.drop.value / most)}` : ''
  const about = ({ id, kind, size, macs }: SensitivityCurve) => [
    plain(id),
    kind,
    String(size),
    formatShare(macs, 1),
  ]
  const sorted = [...curves].sort((a, b) => worst(b) - worst(a))
  const blocks = sorted.filter(curve => curve.kind === 'blocks')
  const groups = sorted.filter(curve => curve.kind !== 'blocks')
  const value = share ? formatShare(reference) : reference.toPrecision(4)
  return [
    `${METRIC[metric]}: ${value} on ${found.samples} samples, whole; what is lost when a part alone is made smaller${share ? ' (points)' : ''}:`,
    ...table(
      ['part', 'kind', 'size', 'MACs', ...keeps.map(keep => `${Math.round(100 * keep)} % stays`)],
      groups.map(curve => [...about(curve), ...keeps.map(keep => cell(pointFor(curve, keep, keeps)))]),
    ),
    ...table(
      ['block', 'kind', 'of', 'MACs', 'without it'],
      blocks.map(curve => [...about(curve), cell(curve.points[0])]),
    ),
    '',
    ...(declined.length > 0 ? [`${declined.length} parts may not be changed (--json says why)`] : []),
    `channels chosen by ${found.importance}; took ${formatDuration(found.seconds)}`,
  ].join('\n')
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const rest = rows.length - MOST_ROWS
  return [
    '',
    columns([header, ...rows.slice(0, MOST_ROWS)], [2, 3]),
    ...(rest > 0 ? [`… and ${rest} more, which matter less (--json shows all)`] : []),
  ]
}

/** The point measured for a share that was asked for: whole channels are seldom exactly so much. */
function pointFor(
  { points }: SensitivityCurve,
  keep: number,
  keeps: readonly number[],
): SensitivityPoint | undefined {
  const asked = (point: SensitivityPoint) =>
    keeps.reduce((best, k) => (Math.abs(k - point.keep) < Math.abs(best - point.keep) ? k : best))
  return points.find(point => asked(point) === keep)
}

function worst({ points }: SensitivityCurve): number {
  return Math.max(0, ...points.map(p => p.drop.value))
}

/** As wide in every row, so that bars begin below each other. */
function lost(drop: number, share: boolean): string {
  return (share ? (100 * drop).toFixed(2) : drop.toPrecision(3)).padStart(share ? 6 : 9)
}
