/** Measured drops between the shares they were measured at, and how grave they look. */
import type { PruneSensitivity, SensitivityPoint } from '../../../shared/prune'

export interface DropAt {
  value: number
  low: number
  high: number
  /** Between two shares that were measured. */
  estimated: boolean
  /** A smaller share than any measured: at least this. */
  beyond: boolean
}

const WHOLE = { keep: 1, drop: { value: 0, low: 0, high: 0 } }

/** The drop at a share kept, on straight lines between what was measured; null without any. */
export function dropAt(points: readonly SensitivityPoint[], keep: number): DropAt | null {
  if (points.length === 0) return null
  const all = [WHOLE, ...points].sort((a, b) => b.keep - a.keep)
  const exact = all.find(p => Math.abs(p.keep - keep) < 1e-6)
  if (exact) return { ...exact.drop, estimated: false, beyond: false }
  const right = all.findLast(p => p.keep > keep)
  const left = all.find(p => p.keep < keep)
  if (!right) return { ...WHOLE.drop, estimated: false, beyond: false }
  if (!left) return { ...right.drop, estimated: true, beyond: true }
  const share = (right.keep - keep) / (right.keep - left.keep)
  const mix = (a: number, b: number) => a + (b - a) * share
  return {
    value: mix(right.drop.value, left.drop.value),
    low: mix(right.drop.low, left.drop.low),
    high: mix(right.drop.high, left.drop.high),
    estimated: true,
    beyond: false,
  }
}

/** Drops that fill a row to its top, at least: so that a network that loses nothing looks so. */
const LEAST_SCALE: Record<PruneSensitivity['metric'], number> = {
  accuracy: 0.05,
  agreement: 0.05,
  distance: 0.2,
  rmse: 0,
}

/** The drop that fills a row's height: the largest measured. */
export function dropScale({ curves, metric }: PruneSensitivity): number {
  const largest = Math.max(0, ...curves.flatMap(c => c.points.map(p => p.drop.value)))
  return Math.max(LEAST_SCALE[metric], largest) || 1
}

/** Height of a drop, 0 … 1: by its square root, so that a tenth of the largest is still seen. */
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
