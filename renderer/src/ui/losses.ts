/** What is lost of a metric as a part of a network gets coarser or smaller: in words, and how grave it looks. */
import { formatShare } from '../../../shared/format'
import type { PruneSensitivity } from '../../../shared/prune'

/** What sensitivities and previews are measured in. */
export type LossMetric = PruneSensitivity['metric']

/** A difference for the worse, with its 95 % interval. */
export interface Loss {
  value: number
  low: number
  high: number
}

/** What is lost. */
export const DROP_TITLES: Record<LossMetric, string> = {
  accuracy: 'Accuracy lost',
  agreement: 'Agreement lost',
  distance: 'Distance added',
  rmse: 'Error added',
}

export const METRIC_TITLES: Record<LossMetric, string> = {
  accuracy: 'accuracy',
  agreement: 'agreement with itself',
  distance: 'distance from its own answers',
  rmse: 'root mean square error',
}

/** '1.3 points', '4.2 %', '0.031'; negative where it got better. */
export function dropText(drop: number, metric: LossMetric): string {
  const sign = drop < 0 ? '−' : ''
  const size = Math.abs(drop)
  switch (metric) {
    case 'accuracy':
    case 'agreement':
      return `${sign}${(size * 100).toFixed(size < 0.0995 ? 1 : 0)} pt`
    case 'distance':
      return `${sign}${formatShare(size, size < 0.0995 ? 1 : 0)}`
    case 'rmse':
      return `${sign}${Number(size.toPrecision(2))}`
  }
}

/** '1.3 pt (0.4 to 2.2)', said to be none where the interval covers zero. */
export function lossText(loss: Loss, metric: LossMetric): string {
  const said = `${dropText(loss.value, metric)} (${dropText(loss.low, metric)} to ${dropText(loss.high, metric)})`
  return isShown(loss) ? said : `no loss shown: ${said}`
}

/** Losses that fill a scale to its end, at least: so that a network that loses nothing looks so. */
export const LEAST_SCALE: Record<LossMetric, number> = {
  accuracy: 0.05,
  agreement: 0.05,
  distance: 0.2,
  rmse: 0,
}

/** Height of a loss, 0 … 1: by its square root, so that a tenth of the largest is still seen. */
export function level(drop: number, scale: number): number {
  return Math.sqrt(Math.min(1, Math.max(0, drop) / scale))
}

/** A difference is claimed only where the interval is above zero. */
export function isShown({ low }: { low: number }): boolean {
  return low > 0
}

/** From grey, where nothing is shown, to the colour of loss. */
export function dropColor(drop: { value: number; low: number }, scale: number): string {
  if (!isShown(drop)) return 'var(--bt-uncertain)'
  const share = Math.round(25 + level(drop.value, scale) * 75)
  return `color-mix(in srgb, var(--bt-worse) ${share}%, var(--bt-teacher))`
}
