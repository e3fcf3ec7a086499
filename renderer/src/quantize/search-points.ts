/** Trials of a search as points of a chart. */
import type { QuantizeSearch } from '../../../shared/quantize'

export type SearchAxis = 'milliseconds' | 'sizeBytes' | 'macs'

export interface TrialPoint {
  /** Place in the search's trials. */
  trial: number
  x: number
  loss: number
  /** How far the interval reaches below and above. */
  interval: [number, number]
  allowed: boolean
  best: boolean
}

/** Points of the trials whose place on an axis is known. */
export function trialPoints(
  { trials, best }: Pick<QuantizeSearch, 'trials' | 'best'>,
  axis: SearchAxis,
): TrialPoint[] {
  return trials.flatMap((trial, i) => {
    const x = trial[axis]
    if (x === null) return []
    const { value, low, high } = trial.drop
    return [
      {
        trial: i,
        x,
        loss: value,
        interval: [value - low, high - value],
        allowed: trial.allowed,
        best: i === best,
      },
    ]
  })
}

/** Time where every trial was timed, else size: the ones that lose too much are seldom timed. */
export function defaultAxis({ trials }: Pick<QuantizeSearch, 'trials'>): SearchAxis {
  return trials.every(t => t.milliseconds !== null) ? 'milliseconds' : 'sizeBytes'
}
