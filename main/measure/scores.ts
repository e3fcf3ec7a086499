/**
 * A classifier's output read as class scores.
 *
 * What the numbers are is told from the numbers, over all samples:
 * - several values per sample: probabilities when every value lies in [0, 1] and every sample's sum is within 0.05 of 1
 *   (8-bit rounding moves sums that far; rows are then divided by their sum), else logits, turned by softmax;
 * - one value and two classes: the probability of class 1 when every value lies in [0, 1], else its logit (sigmoid);
 * - one integer per sample: the class itself.
 * The predicted class is the highest score, the first one among equals. A sample with a value that is not finite has
 * no prediction (−1) and counts as wrong.
 */
import type { StoredOutput } from './outputs'

export type ScoreKind = 'probabilities' | 'logits' | 'binary-probability' | 'binary-logit' | 'class'

export interface Scores {
  kind: ScoreKind
  count: number
  classes: number
  /** Predicted class per sample; −1 where a value is not finite. */
  predicted: Int32Array
  /** Writes the probabilities of a sample (length `classes`); false where it has none. */
  probabilities(sample: number, into: Float64Array): boolean
}

const SLACK = 1e-3
const SUM_SLACK = 0.05

/** True when all finite rows of `width` ≥ 2 values are probability distributions, and there is one. */
export function areDistributions(values: Float32Array, width: number): boolean {
  if (width < 2 || values.length === 0) return false
  let rows = 0
  for (let start = 0; start < values.length; start += width) {
    let sum = 0
    for (let i = start; i < start + width; i++) {
      const v = values[i] ?? 0
      if (v < -SLACK || v > 1 + SLACK) return false
      sum += v
    }
    if (!Number.isFinite(sum)) continue
    if (Math.abs(sum - 1) > SUM_SLACK) return false
    rows++
  }
  return rows > 0
}

/** Whole numbers are the class itself; an output of several is not read as classes. */
export function scoresOf(output: StoredOutput, kind: ScoreKind = kindOf(output)): Scores {
  const { values, width } = output
  const single = width === 1
  const count = width === 0 ? 0 : values.length / width
  const classes = kind === 'class' ? 0 : single ? 2 : width
  const predicted = new Int32Array(count)
  for (let i = 0; i < count; i++) predicted[i] = predict(values, width, i, kind)
  return { kind, count, classes, predicted, probabilities }

  function probabilities(sample: number, into: Float64Array): boolean {
    if (kind === 'class' || predicted[sample] === -1) return false
    if (single) {
      const v = values[sample] ?? 0
      const p = kind === 'binary-probability' ? Math.min(1, Math.max(0, v)) : 1 / (1 + Math.exp(-v))
      into[0] = 1 - p
      into[1] = p
    } else if (kind === 'probabilities') normalize(values, sample * width, into)
    else softmax(values, sample * width, into)
    return true
  }
}

export function kindOf(output: StoredOutput): ScoreKind {
  if (output.width > 1) return areDistributions(output.values, output.width) ? 'probabilities' : 'logits'
  if (/^u?int|^bool/.test(output.type)) return 'class'
  return output.values.every(v => !(v < 0) && !(v > 1)) ? 'binary-probability' : 'binary-logit'
}

function predict(values: Float32Array, width: number, sample: number, kind: ScoreKind): number {
  const start = sample * width
  const first = values[start] ?? Number.NaN
  if (width === 1) {
    if (!Number.isFinite(first)) return -1
    if (kind === 'class') return first
    return first > (kind === 'binary-probability' ? 0.5 : 0) ? 1 : 0
  }
  let best = 0
  for (let i = 0; i < width; i++) {
    const v = values[start + i] ?? Number.NaN
    if (!Number.isFinite(v)) return -1
    if (v > (values[start + best] ?? 0)) best = i
  }
  return best
}

function normalize(values: Float32Array, start: number, into: Float64Array): void {
  let sum = 0
  for (let i = 0; i < into.length; i++) {
    const v = Math.max(0, values[start + i] ?? 0)
    into[i] = v
    sum += v
  }
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) / sum
}

function softmax(values: Float32Array, start: number, into: Float64Array): void {
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < into.length; i++) max = Math.max(max, values[start + i] ?? 0)
  let sum = 0
  for (let i = 0; i < into.length; i++) {
    const e = Math.exp((values[start + i] ?? 0) - max)
    into[i] = e
    sum += e
  }
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) / sum
}
