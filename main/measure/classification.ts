/**
 * Metrics of a classifier. They equal scikit-learn's: `accuracy_score`, `balanced_accuracy_score`,
 * `f1_score(average='macro', zero_division=0)`, `log_loss`, `precision_recall_fscore_support`, `confusion_matrix`.
 * - top-5: the label is among the five highest scores; of equal scores the lower class number comes first.
 * - log loss: −ln of the label's probability, probabilities kept in [ε, 1 − ε] with ε = 2.2e-16; samples without
 *   finite scores are left out of it (and count as wrong elsewhere).
 * - ECE (Guo et al. 2017, arXiv:1706.04599): 15 bins (m/15, (m+1)/15] of the highest probability,
 *   Σ |accuracy − mean confidence| · share. No interval: resampling it is biased upwards.
 * Intervals: Wilson for accuracy and top-5, bootstrap over samples for the rest.
 */
import type { Evaluation, Measured, PerClass } from '../../shared/domain'
import { bootstrapMeasured, meanOf } from './bootstrap'
import type { Scores } from './scores'
import { wilson } from './statistics'

const EPSILON = 2 ** -52
const BINS = 15
/** Classes up to which the confusion matrix is kept. */
const CONFUSION_CLASSES = 1000

/** What each sample contributes, in the order of the samples. */
export interface Outcomes {
  classes: number
  labels: Int32Array
  predicted: Int32Array
  /** 1 where right, else 0. */
  correct: Uint8Array
  top5: Uint8Array
  /** Negative log likelihood of the label; NaN where there are no probabilities. */
  loss: Float64Array
  /** Probability of the predicted class; NaN where there are none. */
  confidence: Float64Array
}

/** @param labels class numbers, one per sample */
export function outcomes(scores: Scores, labels: ArrayLike<number>): Outcomes {
  const { count, predicted } = scores
  const own = Int32Array.from(labels)
  const classes = [...predicted, ...own].reduce((n, c) => Math.max(n, c + 1), scores.classes)
  const result: Outcomes = {
    classes,
    labels: own,
    predicted,
    correct: Uint8Array.from(predicted, (p, i) => (p === own[i] ? 1 : 0)),
    top5: new Uint8Array(count),
    loss: new Float64Array(count).fill(Number.NaN),
    confidence: new Float64Array(count).fill(Number.NaN),
  }
  const row = new Float64Array(scores.classes)
  for (let i = 0; i < count; i++) {
    if (!scores.probabilities(i, row)) continue
    const label = own[i] ?? 0
    const p = Math.min(1 - EPSILON, Math.max(EPSILON, row[label] ?? 0))
    result.loss[i] = -Math.log(p)
    result.confidence[i] = row[predicted[i] ?? 0] ?? 0
    result.top5[i] = rankOf(row, label) < 5 ? 1 : 0
  }
  return result
}

function rankOf(row: Float64Array, label: number): number {
  const own = row[label] ?? -1
  let rank = 0
  for (let c = 0; c < row.length; c++) {
    const v = row[c] ?? 0
    if (v > own || (v === own && c < label)) rank++
  }
  return rank
}

export type ClassificationResult = Pick<Evaluation, 'metrics' | 'perClass' | 'confusion'>

/** All metrics. `names` are class names in order; classes beyond them are called by their number. */
export function classificationMetrics(outcome: Outcomes, names: readonly string[]): ClassificationResult {
  const { correct, top5, confidence, classes } = outcome
  const count = correct.length
  const metrics: Record<string, Measured> = { accuracy: wilson(sum(correct), count) }
  const scored = indicesOf(outcome.loss)
  if (classes > 5 && scored.length > 0) metrics.top5 = wilson(sum(top5), count)
  metrics.balancedAccuracy = bootstrapMeasured(count, sample => balancedAccuracy(outcome, sample))
  metrics.macroF1 = bootstrapMeasured(count, sample => macroF1(outcome, sample))
  if (scored.length > 0) {
    const losses = scored.map(i => outcome.loss[i] ?? 0)
    metrics.logLoss = bootstrapMeasured(losses.length, sample => meanOf(losses, sample))
    metrics.ece = { value: calibrationError(confidence, correct) }
  }
  const all = Uint32Array.from({ length: count }, (_, i) => i)
  return { metrics, perClass: perClass(outcome, all, names), confusion: confusionMatrix(outcome) }
}

function indicesOf(values: Float64Array): number[] {
  return Array.from(values.keys()).filter(i => !Number.isNaN(values[i]))
}

function sum(values: Uint8Array): number {
  return values.reduce((a, b) => a + b, 0)
}

/** Right, predicted and actual samples per class, over a resample. */
function tally({ labels, predicted, classes }: Outcomes, sample: Uint32Array) {
  const right = new Float64Array(classes)
  const said = new Float64Array(classes)
  const actual = new Float64Array(classes)
  for (const i of sample) {
    const label = labels[i] ?? 0
    const answer = predicted[i] ?? -1
    actual[label] = (actual[label] ?? 0) + 1
    if (answer < 0) continue
    said[answer] = (said[answer] ?? 0) + 1
    if (answer === label) right[label] = (right[label] ?? 0) + 1
  }
  return { right, said, actual }
}

/** Mean recall over the classes that occur. */
export function balancedAccuracy(outcome: Outcomes, sample: Uint32Array): number {
  const { right, actual } = tally(outcome, sample)
  let total = 0
  let occurring = 0
  for (let c = 0; c < actual.length; c++) {
    const n = actual[c] ?? 0
    if (n === 0) continue
    total += (right[c] ?? 0) / n
    occurring++
  }
  return total / occurring
}

/** Mean F1 over the classes that occur or are predicted; F1 = 2·right/(predicted + actual). */
export function macroF1(outcome: Outcomes, sample: Uint32Array): number {
  const { right, said, actual } = tally(outcome, sample)
  let total = 0
  let occurring = 0
  for (let c = 0; c < actual.length; c++) {
    const n = (said[c] ?? 0) + (actual[c] ?? 0)
    if (n === 0) continue
    total += (2 * (right[c] ?? 0)) / n
    occurring++
  }
  return total / occurring
}

function perClass(outcome: Outcomes, sample: Uint32Array, names: readonly string[]): PerClass[] {
  const { right, said, actual } = tally(outcome, sample)
  const share = (a: number, b: number) => (b === 0 ? 0 : a / b)
  return Array.from({ length: outcome.classes }, (_, c) => {
    const [hit, predicted, count] = [right[c] ?? 0, said[c] ?? 0, actual[c] ?? 0]
    return {
      name: names[c] ?? String(c),
      count,
      precision: share(hit, predicted),
      recall: share(hit, count),
      f1: share(2 * hit, predicted + count),
    }
  })
}

/** confusion[actual][predicted]; empty above 1,000 classes. Samples without a prediction are in no cell. */
function confusionMatrix({ labels, predicted, classes }: Outcomes): number[][] {
  if (classes > CONFUSION_CLASSES) return []
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0))
  for (let i = 0; i < labels.length; i++) {
    const row = matrix[labels[i] ?? 0]
    const answer = predicted[i] ?? -1
    if (row && answer >= 0) row[answer] = (row[answer] ?? 0) + 1
  }
  return matrix
}

/** Expected calibration error over samples that have a confidence. */
export function calibrationError(confidence: Float64Array, correct: Uint8Array): number {
  const gap = new Float64Array(BINS)
  let count = 0
  for (let i = 0; i < confidence.length; i++) {
    const p = confidence[i] ?? Number.NaN
    if (Number.isNaN(p)) continue
    const bin = Math.min(BINS - 1, Math.max(0, Math.ceil(p * BINS) - 1))
    gap[bin] = (gap[bin] ?? 0) + (correct[i] ?? 0) - p
    count++
  }
  return gap.reduce((total, g) => total + Math.abs(g), 0) / count
}
