/**
 * What a changed model is worth next to the whole one, on the same samples.
 *
 * - accuracy (labels that are classes): Tango's score interval, widened to zero where the exact McNemar test does not
 *   reject, as everywhere (differences.ts);
 * - rmse (labels that are numbers): paired bootstrap;
 * - agreement (no labels, the output is class scores): share of samples with the same highest class, or of places where
 *   one sample has several; intervals as for accuracy, or by bootstrap;
 * - distance (no labels, anything else): √(Σ|y′ − y|²/Σ|y|²); bootstrap over samples.
 * An answer that is not finite is wrong where classes are chosen, and counts as zeros where numbers are compared.
 */
import type { QuantizeSensitivity } from '../../shared/quantize'
import type { SampleSet } from '../technique'
import { isClassLike } from './agreement'
import type { Answers } from './answers'
import { bootstrapDifference } from './bootstrap'
import type { StoredOutput } from './outputs'
import { areDistributions, kindOf, scoresOf } from './scores'
import { mcNemar, pairedShareDifference } from './statistics'

/** The metric of a changed model, and how much worse it is than the whole one's. */
export interface Verdict {
  value: number
  /** Worse is positive; low and high bound it with 95 % confidence. */
  drop: { value: number; low: number; high: number }
}

export interface Judge {
  metric: QuantizeSensitivity['metric']
  /** Of the whole model. */
  reference: number
  judge(changed: Answers): Verdict
}

/** Chooses the metric by the labels and the answers of the whole model. */
export function judgeBy(whole: Answers, { dataset, indices }: SampleSet): Judge {
  const { task } = dataset.summary
  const labels = whole.main ? dataset.labels(indices) : undefined
  if (labels && task === 'classification') return byAccuracy(whole, labels)
  if (labels && task === 'regression') return byError(whole, labels)
  const classes = classesOf(whole, task === 'classification')
  return classes > 0 ? byAgreement(whole, classes) : byDistance(whole)
}

function stored({ rows, name, type, shape }: Answers): StoredOutput {
  const width = rows[0]?.length ?? 0
  const values = new Float32Array(rows.length * width)
  rows.forEach((row, i) => {
    values.set(row.subarray(0, width), i * width)
  })
  return { name, type, shape, size: width, width, values }
}

function byAccuracy(whole: Answers, labels: Float64Array): Judge {
  const kind = kindOf(stored(whole))
  const correct = (answers: Answers) =>
    Array.from(scoresOf(stored(answers), kind).predicted, (predicted, i) => predicted === labels[i])
  const before = correct(whole)
  return {
    metric: 'accuracy',
    reference: share(before),
    judge(changed) {
      const after = correct(changed)
      return { value: share(after), drop: shareLost(before, after) }
    },
  }
}

/** How much smaller the share of the second is. */
function shareLost(before: readonly boolean[], after: readonly boolean[]): Verdict['drop'] {
  const lost = before.filter((right, i) => right && !after[i]).length
  const gained = before.filter((right, i) => !right && after[i]).length
  const { value, low, high } = pairedShareDifference(lost, gained, before.length)
  if (mcNemar(lost, gained) < 0.05) return { value, low, high }
  return { value, low: Math.min(low, 0), high: Math.max(high, 0) }
}

const share = (list: readonly boolean[]) => list.filter(Boolean).length / Math.max(1, list.length)

function byError(whole: Answers, labels: Float64Array): Judge {
  const squares = ({ rows }: Answers) => rows.map((row, i) => (finite(row[0]) - (labels[i] ?? 0)) ** 2)
  const before = squares(whole)
  const root = (values: readonly number[], sample: ArrayLike<number>) => Math.sqrt(meanAt(values, sample))
  return {
    metric: 'rmse',
    reference: Math.sqrt(before.reduce((sum, v) => sum + v, 0) / Math.max(1, before.length)),
    judge(changed) {
      const after = squares(changed)
      const drop = interval(after.length, sample => root(after, sample) - root(before, sample))
      return { value: root(after, [...after.keys()]), drop }
    },
  }
}

function interval(count: number, difference: (sample: Uint32Array) => number): Verdict['drop'] {
  const { value, low, high } = bootstrapDifference(count, difference)
  return { value, low: Math.min(low, value), high: Math.max(high, value) }
}

function meanAt(values: readonly number[], sample: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < sample.length; i++) sum += values[sample[i] ?? 0] ?? 0
  return sum / Math.max(1, sample.length)
}

const finite = (value: number | undefined) => (value !== undefined && Number.isFinite(value) ? value : 0)

/** Scores that a choice is made among; 1 where the numbers are classes themselves, 0 where they are none. */
function classesOf(whole: Answers, classification: boolean): number {
  const { type, shape, rows } = whole
  if (/^u?int|^bool/.test(type)) return 1
  const width = rows[0]?.length ?? 0
  const alike = rows.every(row => row.length === width)
  if (alike && width > 1 && isClassLike(stored(whole), classification)) return width
  const last = shape.at(-1) ?? 0
  return shape.length > 1 && rows.every(row => areDistributions(Float32Array.from(row), last)) ? last : 0
}

function byAgreement(whole: Answers, classes: number): Judge {
  const before = whole.rows.map(row => choices(row, classes))
  const single = before.every(list => list.length === 1)
  return {
    metric: 'agreement',
    reference: 1,
    judge(changed) {
      const same = before.map((list, i) => {
        const after = choices(changed.rows[i] ?? [], classes)
        const agree = list.filter((choice, k) => choice === after[k]).length
        return list.length > 0 ? agree / list.length : 1
      })
      const all = [...same.keys()]
      const value = meanAt(same, all)
      if (!single) return { value, drop: interval(same.length, sample => 1 - meanAt(same, sample)) }
      const drop = shareLost(
        same.map(() => true),
        same.map(agreement => agreement === 1),
      )
      // Nothing agrees with the model better than itself.
      return { value, drop: { ...drop, low: Math.max(0, drop.low) } }
    },
  }
}

/** The highest of every `classes` numbers, the first of equal ones; NaN, which agrees with nothing, where one is not finite. */
function choices(row: ArrayLike<number>, classes: number): number[] {
  if (classes === 1) return Array.from(row)
  return Array.from({ length: Math.floor(row.length / classes) }, (_, at) => {
    let best = 0
    for (let c = 0; c < classes; c++) {
      const value = row[at * classes + c] ?? Number.NaN
      if (!Number.isFinite(value)) return Number.NaN
      if (value > (row[at * classes + best] ?? 0)) best = c
    }
    return best
  })
}

function byDistance(whole: Answers): Judge {
  const sizes = whole.rows.map(row => squaredDistance(row, []))
  return {
    metric: 'distance',
    reference: 0,
    judge(changed) {
      const squares = whole.rows.map((row, i) => squaredDistance(row, changed.rows[i] ?? []))
      const drop = interval(squares.length, sample => {
        const size = meanAt(sizes, sample)
        return Math.sqrt(meanAt(squares, sample) / (size > 0 ? size : 1))
      })
      return { value: drop.value, drop }
    },
  }
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (finite(a[i]) - finite(b[i])) ** 2
  return sum
}
