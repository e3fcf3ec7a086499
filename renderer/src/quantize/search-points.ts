/** Trials of a search as points of a chart. */
import type { LiveSearch, QuantizeSearch, SearchTrial } from '../../../shared/quantize'

/** A search that is over, or one under way. */
export type Searched = Omit<QuantizeSearch, 'best' | 'ended'> & Pick<LiveSearch, 'best' | 'ended'>

/** `order`: as they were tried. */
export type SearchAxis = 'order' | 'milliseconds' | 'sizeBytes' | 'macs'

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

function placeOf(trial: SearchTrial, index: number, axis: SearchAxis): number | null {
  return axis === 'order' ? index + 1 : trial[axis]
}

/** Points of the trials whose place on an axis is known. */
export function trialPoints(
  { trials, best }: Pick<Searched, 'trials' | 'best'>,
  axis: SearchAxis,
): TrialPoint[] {
  return trials.flatMap((trial, i) => {
    const x = placeOf(trial, i, axis)
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
export function defaultAxis({ trials }: Pick<Searched, 'trials'>): SearchAxis {
  return trials.every(t => t.milliseconds !== null) ? 'milliseconds' : 'sizeBytes'
}

/** What the best lost after each trial as the corners of a line; nothing where that was not kept. */
export function bestSoFar({
  trials,
  improved,
}: Pick<Searched, 'trials' | 'improved'>): { x: number; loss: number }[] {
  if (!improved) return []
  let loss: number | undefined
  return trials.flatMap((trial, i) => {
    const before = loss
    if (improved.includes(i)) loss = trial.drop.value
    return [before, loss === before ? undefined : loss].flatMap(level =>
      level === undefined ? [] : [{ x: i + 1, loss: level }],
    )
  })
}

/** The trials that were the best when they were measured, the newest first. */
export function improvements({ trials, improved = [] }: Pick<Searched, 'trials' | 'improved'>): {
  place: number
  trial: SearchTrial
}[] {
  return improved.flatMap(place => (trials[place] ? [{ place, trial: trials[place] }] : [])).reverse()
}

/** From the least to the greatest loss that is drawn. Near: what is about as much as may be lost, and less. */
export function lossRange(
  { allowed }: Pick<Searched, 'allowed'>,
  points: readonly TrialPoint[],
  near: boolean,
) {
  const lows = points.map(p => p.loss - p.interval[0])
  const low = Math.min(0, ...lows)
  const high = Math.max(allowed, ...points.map(p => p.loss + p.interval[1]))
  const end = near ? Math.min(high, nearEnd(allowed, points)) : high
  const air = (end - low) * 0.06 || 0.01
  return [low - air, end + air] as const
}

/** Whether a trial loses so much that those near what is allowed lie on one line. */
export function isFarApart({ allowed }: Pick<Searched, 'allowed'>, points: readonly TrialPoint[]): boolean {
  return points.some(p => p.loss > 3 * nearEnd(allowed, points))
}

function nearEnd(allowed: number, points: readonly TrialPoint[]): number {
  const within = points.filter(p => p.loss <= 2 * allowed).map(p => p.loss + p.interval[1])
  return Math.max(3 * allowed, 1e-3, ...within)
}
