/** What a search found, in words. */
import type { Note } from '../../../shared/domain'
import type { LiveSearch, QuantizeSearch } from '../../../shared/quantize'
import type { MixedOptions } from './options'

/** Layers named in a note. */
const NAMED = 5

/** The result first; then what to know about it. */
export function resultNotes(
  search: QuantizeSearch,
  labels: ReadonlyMap<string, string>,
  options: Pick<MixedOptions, 'minutes'>,
): Note[] {
  const best = search.trials[search.best]
  if (!best) return []
  const loss = `${amount(best.drop.value, search.metric)} (95 % interval ${amount(best.drop.low, search.metric)} to ${amount(best.drop.high, search.metric)}) ${UNITS[search.metric]}`
  const where = `on ${search.samples} samples`
  const outside = outsideOf(best, labels)
  const notes: Note[] = []
  if (best.allowed) {
    const message = `It loses ${loss} ${where}, where ${amount(search.allowed, search.metric)} may be lost; ${Math.round(100 * best.macs)} % of the multiply-accumulates run in 8 bits${outside}. ${search.trials.length} models were tried.`
    notes.push({ code: 'search', severity: 'info', message })
    if (best.drop.high > search.allowed)
      notes.push({
        code: 'search-interval',
        severity: 'info',
        message:
          'The interval reaches beyond what may be lost: the loss is within it by the best estimate, not for certain. Chosen among many trials on the same samples, it may look a little better than it is.',
        action: 'Evaluate it on the test split, or judge by more samples.',
      })
  } else {
    notes.push({
      code: 'search-not-met',
      severity: 'warning',
      message: `No model with layers in 8 bits was found that loses at most ${amount(search.allowed, search.metric)} ${UNITS[search.metric]}: of ${search.trials.length} that were tried the nearest loses ${loss} ${where}${outside}.`,
      action: 'Keep the original, allow more, or train with quantization.',
    })
  }
  if (search.ended === 'time')
    notes.push({
      code: 'search-time',
      severity: 'info',
      message: `The search ended before everything was tried: its ${options.minutes} minutes were over, or it was finished early.`,
    })
  return notes
}

/** `Trial 7: the best so far loses 0.30 points of accuracy, with 92 % of the work in 8 bits`. */
export function stageOf({ trials, best, metric }: Pick<LiveSearch, 'trials' | 'best' | 'metric'>): string {
  const trial = best === null ? undefined : trials[best]
  if (!trial) return 'Trying everything in 8 bits'
  const loses = `loses ${amount(trial.drop.value, metric)} ${UNITS[metric]}`
  const so = trial.allowed
    ? `the best so far ${loses}, with ${Math.round(100 * trial.macs)} % of the work in 8 bits`
    : `none so far is within what may be lost, the nearest ${loses}`
  return `Trial ${trials.length}: ${so}`
}

/** `; in float: conv1, conv2; with 16-bit activations: fc`; nothing where all is in 8 bits. */
export function outsideOf(
  { float, wide }: QuantizeSearch['trials'][number],
  labels: ReadonlyMap<string, string>,
): string {
  const named = (ids: readonly string[]) => listed(ids.map(id => labels.get(id) ?? id))
  const parts = [
    ...(float.length > 0 ? [`in float: ${named(float)}`] : []),
    ...(wide.length > 0 ? [`with 16-bit activations: ${named(wide)}`] : []),
  ]
  return parts.length > 0 ? `; ${parts.join('; ')}` : ''
}

function listed(ids: readonly string[]): string {
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : ''
  return `${ids.slice(0, NAMED).join(', ')}${more}`
}

export const UNITS: Record<QuantizeSearch['metric'], string> = {
  accuracy: 'points of accuracy',
  agreement: 'points of agreement with the original',
  rmse: 'of root mean squared error',
  distance: 'per cent of distance from the answers of the original',
}

/** Shares in per cent, errors as they are. */
export function amount(value: number, metric: QuantizeSearch['metric']): string {
  return metric === 'rmse' ? value.toPrecision(3) : (100 * value).toFixed(2)
}
