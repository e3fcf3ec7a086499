import type { Measured, Variant } from '../../../shared/domain'
import { availableMetrics, METRICS, type Metric, mainMetric, paretoFront } from '../../../shared/metrics'

export interface ChartPoint {
  id: string
  name: string
  teacher: boolean
  x: Measured
  y: Measured
  variant: Variant
}

/** Variants that have a value on both axes. */
export function chartPoints(variants: readonly Variant[], x: Metric, y: Metric): ChartPoint[] {
  return variants.flatMap(variant => {
    const [a, b] = [x.read(variant), y.read(variant)]
    if (!a || !b) return []
    return [{ id: variant.id, name: variant.name, teacher: variant.parentId === null, x: a, y: b, variant }]
  })
}

/** What stands for quality where nothing was evaluated: speed, then what the file alone tells. */
const WITHOUT_QUALITY = ['latency1', 'macs', 'parameters', 'sizeBytes']

/**
 * The metrics on the axes: the chosen ones where they can be shown, else size against the task's main metric as soon as
 * one variant has it, and against speed until then. Never the same on both unless both were chosen.
 */
export function axisMetrics(
  variants: readonly Variant[],
  chosen: { x: string | null; y: string | null },
): { x: Metric; y: Metric; choices: Metric[] } {
  const choices = availableMetrics(variants)
  const byId = new Map(choices.map(m => [m.id, m]))
  const judge = variants.find(v => v.parentId === null && v.evaluation) ?? variants.find(v => v.evaluation)
  const quality = judge ? [mainMetric(judge).id] : []
  const first = (ids: readonly string[], but?: Metric) =>
    ids.map(id => byId.get(id)).find(m => m && m !== but) ?? choices.find(m => m !== but) ?? METRICS[0]
  const [chosenX, chosenY] = [byId.get(chosen.x ?? ''), byId.get(chosen.y ?? '')]
  const x = chosenX ?? first(['sizeBytes', ...WITHOUT_QUALITY], chosenY)
  const y = chosenY ?? first([...quality, ...WITHOUT_QUALITY], x)
  if (!x || !y) throw new RangeError('The catalogue of metrics is empty')
  return { x, y, choices }
}

export interface Pixel {
  x: number
  y: number
}

/**
 * Pareto front as the staircase of what can be had: going from the best x to worse, y stays what it is until the
 * next point of the front improves it.
 */
export function frontPath(
  points: readonly ChartPoint[],
  x: Metric,
  y: Metric,
  at: (p: ChartPoint) => Pixel,
): string {
  const byId = new Map(points.map(p => [p.id, p]))
  const front = paretoFront(
    points.map(p => p.variant),
    x,
    y,
  ).flatMap(id => byId.get(id) ?? [])
  return front
    .map(at)
    .map((p, i) =>
      i === 0 ? `M${p.x.toFixed(1)},${p.y.toFixed(1)}` : `H${p.x.toFixed(1)}V${p.y.toFixed(1)}`,
    )
    .join('')
}

/** The point nearest to a pixel, within `reach` pixels. */
export function nearest<T extends Pixel>(points: readonly T[], to: Pixel, reach: number): T | null {
  let best: T | null = null
  let distance = reach ** 2
  for (const point of points) {
    const d = (point.x - to.x) ** 2 + (point.y - to.y) ** 2
    if (d <= distance) [best, distance] = [point, d]
  }
  return best
}

/** The next point in an arrow's direction, by the order of that axis. */
export function neighbour<T extends Pixel>(points: readonly T[], from: T | null, key: string): T | null {
  const axis = key === 'ArrowLeft' || key === 'ArrowRight' ? 'x' : 'y'
  const forward = key === 'ArrowRight' || key === 'ArrowDown'
  const sorted = [...points].sort((a, b) => a[axis] - b[axis])
  if (!from) return sorted[0] ?? null
  const at = sorted.indexOf(from)
  return sorted[at + (forward ? 1 : -1)] ?? from
}
