/** A line for every improvement of a search while it runs. */
import { amount, outsideOf, UNITS } from '../../main/quantize/mixed/notes'
import { formatBytes, formatMs } from '../../shared/format'
import type { LiveSearch } from '../../shared/quantize'
import { plain } from './terminal'

/** Takes what a search tells after each trial, and says what is better than anything before. */
export function searchLines(say: (line: string) => void): (search: LiveSearch) => void {
  let said: number | null = null
  return search => {
    const { best, trials, metric, labels } = search
    const trial = best === null ? undefined : trials[best]
    if (!trial || best === null || best === said) return
    said = best
    const facts = [
      `loses ${amount(trial.drop.value, metric)} ${UNITS[metric]}${trial.allowed ? '' : ', which is too much'}`,
      ...(trial.milliseconds === null ? [] : [formatMs(trial.milliseconds)]),
      formatBytes(trial.sizeBytes),
      `${Math.round(100 * trial.macs)} % of the work in 8 bits`,
    ]
    const outside = outsideOf(trial, new Map(Object.entries(labels)))
    say(plain(`Trial ${best + 1}, the best so far: ${facts.join(', ')}${outside}`))
  }
}
