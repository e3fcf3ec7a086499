/** Ranges of activations over calibration samples. */
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import type { Range } from '../affine'
import { BINS, collect, type StatisticsRequest } from './collect'
import { type CalibrationMethod, COUNTED, rangeFrom } from './ranges'
import { type CollectedStatistics, type Counted, statisticsKey, type ValueStatistics } from './statistics'

export type { CalibrationMethod }

export interface CalibrationRequest extends StatisticsRequest {
  method: CalibrationMethod
}

export interface Calibration {
  ranges: Map<string, Range>
  /** Samples that were really run. */
  samples: number
  notes: Note[]
}

/**
 * Measures, or takes what the store has. Throws `bad-data` when there are no samples, fewer than the model's fixed
 * batch, or a value that is not finite; and what running the model throws.
 */
export async function calibrate(request: CalibrationRequest, context: TaskContext): Promise<Calibration> {
  const { values, method } = request
  const counted = COUNTED[method.kind]
  const asked = { ...request, bins: method.kind === 'minmax' ? request.bins : method.bins }
  const collected = request.statistics
    ? await keptStatistics(asked, context)
    : await collect(asked, counted === null ? [] : [counted], context)
  const ranges = new Map<string, Range>()
  for (const name of values) {
    ranges.set(name, rangeFrom(known(collected, name), method))
    if (counted !== null) await breathe(context)
  }
  return { ranges, samples: collected.samples, notes: notesOf(collected, values) }
}

/** Notes of a collection, as far as they are about these values. */
export function notesOf(collected: CollectedStatistics, values: readonly string[]): Note[] {
  return [...collected.notes, ...emptyNotes(values, collected.values)]
}

function known({ values }: CollectedStatistics, name: string): ValueStatistics {
  const found = values.get(name)
  if (found) return found
  throw new BantamError('internal', 'Nothing was collected of a value.', { where: name })
}

const ALL: readonly Counted[] = ['magnitudes', 'nonzero']

/**
 * Ranges and both histograms of the values: those the store has, and the others measured and put there. Throws as
 * `calibrate`.
 */
export async function keptStatistics(
  request: StatisticsRequest,
  context: TaskContext,
): Promise<CollectedStatistics> {
  const { model, dataset, indices, values, statistics: store } = request
  const key = store && statisticsKey(model, dataset, indices, request.bins ?? BINS)
  const kept = key === undefined ? undefined : await store?.get(key)
  const missing = values.filter(name => !kept?.values.has(name))
  if (kept && missing.length === 0) return kept
  const found = await collect({ ...request, values: missing }, ALL, context)
  const whole = kept ? { ...found, values: new Map([...kept.values, ...found.values]) } : found
  if (key !== undefined) await store?.put(key, whole)
  return whole
}

function emptyNotes(values: readonly string[], known: CollectedStatistics['values']): Note[] {
  return values
    .filter(name => known.get(name)?.perSample === 0)
    .map(name => ({
      code: 'calibration-empty',
      severity: 'warning' as const,
      message: `${name} was empty on every calibration sample; its range is unknown.`,
    }))
}
