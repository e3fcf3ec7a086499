/** What the best epoch is chosen by: a metric over held-out samples, from the logits of the net under training. */
import type { TrainingRecord } from '../../shared/training'
import type { Tensor } from '../runtime/tensor'
import { toNumbers } from '../runtime/tensor'

/**
 * - accuracy: share of right classes, against labels;
 * - rmse: root of the mean squared error, against target values;
 * - agreement: share of samples with the teacher's class;
 * - distance: root of the mean squared difference to the teacher's answers.
 */
export type MetricKind = 'accuracy' | 'rmse' | 'agreement' | 'distance'

export const METRIC_INFO: Record<MetricKind, TrainingRecord['metric']> = {
  accuracy: { name: 'accuracy', title: 'Accuracy', higherIsBetter: true },
  rmse: { name: 'rmse', title: 'RMSE', higherIsBetter: false },
  agreement: { name: 'agreement', title: 'Agreement with the teacher', higherIsBetter: true },
  distance: { name: 'distance', title: 'Distance to the teacher (RMS)', higherIsBetter: false },
}

/** Adds up batches of logits [batch, …] and what they are compared with. */
export class MetricSum {
  private samples = 0
  private values = 0
  private hits = 0
  private loss = 0

  constructor(private readonly kind: MetricKind) {}

  /** `reference`: class indices, target values, or the teacher's logits for the same batch. */
  add(logits: Tensor, reference: Float64Array | Float32Array): void {
    const x = toNumbers(logits)
    const rows = logits.dims[0] ?? 1
    this.samples += rows
    if (this.kind === 'rmse' || this.kind === 'distance') {
      this.addSquares(x, reference)
      return
    }
    const width = this.kind === 'accuracy' ? x.length / rows : (logits.dims.at(-1) ?? 1)
    const count = x.length / width
    this.values += count
    for (let i = 0; i < count; i++) {
      const from = i * width
      const wanted = this.kind === 'accuracy' ? (reference[i] ?? -1) : predicted(reference, from, width)
      if (wanted < 0) continue // a teacher without an answer: nothing to agree with
      if (predicted(x, from, width) === wanted) this.hits++
      this.loss += width === 1 ? binaryLoss(x[from] ?? 0, wanted) : crossEntropy(x, from, width, wanted)
    }
  }

  private addSquares(x: ArrayLike<number>, reference: ArrayLike<number>): void {
    this.values += x.length
    for (let i = 0; i < x.length; i++) this.loss += ((x[i] ?? 0) - (reference[i] ?? 0)) ** 2
  }

  /**
   * Metric and mean loss: cross entropy in nats for classes, squared error for values; null where it is not finite. An
   * error that is not finite counts as the largest number there is, so that any other epoch is better.
   */
  result(): { metric: number; loss: number | null } {
    const loss = this.loss / this.values
    const finite = Number.isFinite(loss)
    const isError = this.kind === 'rmse' || this.kind === 'distance'
    const error = finite ? Math.sqrt(loss) : Number.MAX_VALUE
    return { metric: isError ? error : this.hits / this.values, loss: finite ? loss : null }
  }
}

/** The class with the highest value, the first among equals; one value alone is the logit of class 1. −1 where one is not finite. */
function predicted(x: ArrayLike<number>, from: number, width: number): number {
  let best = 0
  for (let c = 0; c < width; c++) {
    const value = x[from + c] ?? Number.NaN
    if (!Number.isFinite(value)) return -1
    if (value > (x[from + best] ?? 0)) best = c
  }
  return width === 1 ? ((x[from] ?? 0) > 0 ? 1 : 0) : best
}

/** log Σ exp x − x at the class */
function crossEntropy(x: ArrayLike<number>, from: number, width: number, wanted: number): number {
  let max = Number.NEGATIVE_INFINITY
  for (let c = 0; c < width; c++) max = Math.max(max, x[from + c] ?? 0)
  let sum = 0
  for (let c = 0; c < width; c++) sum += Math.exp((x[from + c] ?? 0) - max)
  return max + Math.log(sum) - (x[from + wanted] ?? 0)
}

/** log(1 + eˣ) − t·x */
function binaryLoss(x: number, t: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - t * x
}
