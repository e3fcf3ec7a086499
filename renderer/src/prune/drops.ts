/** Measured drops between the shares they were measured at. */
import type { PruneSensitivity, SensitivityPoint } from '../../../shared/prune'
import { LEAST_SCALE } from '../ui/losses'

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

/** The drop that fills a row's height: the largest measured. */
export function dropScale({ curves, metric }: PruneSensitivity): number {
  const largest = Math.max(0, ...curves.flatMap(c => c.points.map(p => p.drop.value)))
  return Math.max(LEAST_SCALE[metric], largest) || 1
}
