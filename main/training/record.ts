/** What a run tells of itself: points of the curves, kept few and evenly spaced, and its epochs. */
import type { TrainingEpoch, TrainingPoint, TrainingRecord } from '../../shared/training'

/** Above twice this many, neighbouring points are merged. */
const POINTS = 300

/** Sums since the last point; part of a checkpoint. */
export interface PointSums {
  /** Steps summed, and how many make a point. */
  steps: number
  every: number
  loss: number
  parts: number[]
  norm: number
}

export function emptySums(parts: number): PointSums {
  return { steps: 0, every: 1, loss: 0, parts: Array(parts).fill(0), norm: 0 }
}

/** Adds one step to the sums, and their means to the record's points when there are enough. */
export function addStep(
  record: TrainingRecord,
  sums: PointSums,
  at: { step: number; loss: number; parts: readonly number[]; learningRate: number; norm: number },
): void {
  sums.steps++
  sums.loss += at.loss
  sums.norm += at.norm
  at.parts.forEach((value, i) => {
    sums.parts[i] = (sums.parts[i] ?? 0) + value
  })
  if (sums.steps < sums.every) return
  const n = sums.steps
  record.points.push({
    step: at.step,
    epoch: at.step / record.stepsPerEpoch,
    loss: sums.loss / n,
    parts: sums.parts.map(value => value / n),
    learningRate: at.learningRate,
    gradientNorm: sums.norm / n,
  })
  Object.assign(sums, { ...emptySums(sums.parts.length), every: sums.every })
  if (record.points.length < 2 * POINTS) return
  record.points = halve(record.points)
  sums.every *= 2
}

/** Merges neighbours: means of what is averaged, place and rate of the later. */
function halve(points: readonly TrainingPoint[]): TrainingPoint[] {
  const merged: TrainingPoint[] = []
  for (let i = 0; i + 1 < points.length; i += 2) {
    const [a, b] = [points[i] as TrainingPoint, points[i + 1] as TrainingPoint] // both indices are within
    merged.push({
      ...b,
      loss: (a.loss + b.loss) / 2,
      parts: b.parts.map((value, k) => ((a.parts[k] ?? value) + value) / 2),
      gradientNorm: (a.gradientNorm + b.gradientNorm) / 2,
    })
  }
  return merged
}

/** True when `a` is a better epoch than `b`: by the metric, among equals by the validation loss. */
export function isBetter(
  record: TrainingRecord,
  a: NonNullable<TrainingEpoch['validation']>,
  b: NonNullable<TrainingEpoch['validation']> | null,
): boolean {
  if (!b) return true
  if (a.metric !== b.metric) return record.metric.higherIsBetter ? a.metric > b.metric : a.metric < b.metric
  return a.loss !== null && b.loss !== null && a.loss < b.loss
}
