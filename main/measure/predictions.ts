/** Samples on which a variant and its reference can be compared, the most different first. */
import type { Prediction } from '../../shared/domain'
import type { LanguageAnswers } from '../language/answers'
import { windowAnswer } from '../language/measures'
import { isClassLike, requireSameSamples } from './agreement'
import { scoresLike } from './differences'
import { mainOutput, type StoredOutput, type StoredOutputs } from './outputs'
import { type Scores, scoresOf } from './scores'

export interface PredictionOptions {
  /** Class names in order. */
  classes: readonly string[]
  task: StoredOutputs['task']
  /** wrong: the variant is; broken: only the variant is; fixed: only the reference was. */
  filter: 'differ' | 'broken' | 'fixed' | 'wrong' | 'all'
  offset: number
  limit: number
}

export interface PredictionPage {
  /** Samples the filter leaves. */
  total: number
  /** Samples under each filter. */
  counts: Record<PredictionOptions['filter'], number>
  items: Prediction[]
}

/** Share of the reference's root mean square from which two numbers are said to differ. */
const DIFFERS = 0.01

interface Compared {
  position: number
  distance: number
  differs: boolean
  outcome: Prediction['outcome']
}

/**
 * Compares sample by sample. Class scores differ when the predicted classes do, and their distance is the total
 * variation ½·Σ|p − q|; other outputs differ when a value moves by more than 1 % of the root mean square of the
 * reference's values, and their distance is the largest |r − x|. `image` is null: whoever knows the dataset fills it.
 * Throws `bad-option` when the samples are not the same.
 */
export function comparePredictions(
  reference: StoredOutputs,
  variant: StoredOutputs,
  options: PredictionOptions,
): PredictionPage {
  requireSameSamples(reference, variant)
  const counts = { differ: 0, broken: 0, fixed: 0, wrong: 0, all: reference.indices.length }
  const said = readLanguage(reference, variant)
  const [r, x] = answers(reference, variant)
  if (!r || !x) return { total: 0, counts: { ...counts, all: 0 }, items: [] }
  const classLike = options.task === 'classification' || isClassLike(r, false)
  const labels = options.task === 'none' ? null : reference.labels
  const reader = said ?? (classLike ? readClasses(r, x, labels) : readNumbers(r, x))
  const compared = Array.from(reference.indices, (_, position) => reader.compare(position))
  const matches = (c: Compared, filter: PredictionOptions['filter']) => {
    if (filter === 'all') return true
    if (filter === 'differ') return c.differs
    if (filter === 'wrong') return c.outcome === 'broken' || c.outcome === 'both-wrong'
    return c.outcome === filter
  }
  for (const c of compared) {
    for (const filter of ['differ', 'broken', 'fixed', 'wrong'] as const)
      if (matches(c, filter)) counts[filter]++
  }
  const chosen = compared
    .filter(c => matches(c, options.filter))
    .sort((a, b) => b.distance - a.distance || a.position - b.position)
  const page = chosen.slice(options.offset, options.offset + options.limit)
  const name = (c: number) => options.classes[c] ?? String(c)
  const items = page.map(
    ({ position, distance, outcome }): Prediction => ({
      index: reference.indices[position] ?? 0,
      label: labels ? labelText(labels[position] ?? 0, classLike, name) : null,
      image: null,
      ...reader.describe(position, name),
      outcome,
      distance,
    }),
  )
  return { total: chosen.length, counts, items }
}

/** The outputs to show: those that answer the task, else the first of each. */
function answers(
  reference: StoredOutputs,
  variant: StoredOutputs,
): [StoredOutput | undefined, StoredOutput | undefined] {
  const r = mainOutput(reference) ?? reference.outputs[0]
  const x = variant.outputs.find(o => o.name === r?.name) ?? mainOutput(variant) ?? variant.outputs[0]
  return [r, x]
}

interface Reader {
  compare(position: number): Compared
  describe(position: number, name: (c: number) => string): Pick<Prediction, 'reference' | 'variant'>
}

function readClasses(reference: StoredOutput, variant: StoredOutput, labels: Float64Array | null): Reader {
  const r = scoresOf(reference)
  const x = scoresLike(reference, variant)
  const p = new Float64Array(r.classes)
  const q = new Float64Array(x.classes)
  const confidence = (scores: Scores, row: Float64Array, position: number) =>
    scores.probabilities(position, row) ? (row[scores.predicted[position] ?? 0] ?? 0) : null
  return {
    compare(position) {
      const a = r.predicted[position] ?? -1
      const b = x.predicted[position] ?? -1
      const label = labels?.[position]
      return {
        position,
        differs: a !== b,
        distance:
          variation(r.probabilities(position, p), x.probabilities(position, q), p, q) ?? (a === b ? 0 : 1),
        outcome: label === undefined ? null : outcomeOf(a === label, b === label),
      }
    },
    describe(position, name) {
      const side = (scores: Scores, row: Float64Array) => {
        const c = scores.predicted[position] ?? -1
        return { output: c < 0 ? 'not a number' : name(c), confidence: confidence(scores, row, position) }
      }
      return { reference: side(r, p), variant: side(x, q) }
    },
  }
}

/** Total variation ½·Σ|p − q| in [0, 1]; null when a side has no probabilities or another number of classes. */
function variation(hasP: boolean, hasQ: boolean, p: Float64Array, q: Float64Array): number | null {
  if (!hasP || !hasQ || p.length !== q.length) return null
  let sum = 0
  for (let c = 0; c < p.length; c++) sum += Math.abs((p[c] ?? 0) - (q[c] ?? 0))
  return sum / 2
}

function outcomeOf(referenceRight: boolean, variantRight: boolean): Prediction['outcome'] {
  if (referenceRight) return variantRight ? 'both-right' : 'broken'
  return variantRight ? 'fixed' : 'both-wrong'
}

function readNumbers(reference: StoredOutput, variant: StoredOutput): Reader {
  const finite = reference.values.filter(Number.isFinite)
  const square = finite.reduce((sum, v) => sum + v * v, 0) / Math.max(1, finite.length)
  const limit = DIFFERS * Math.sqrt(square)
  return {
    compare(position) {
      const distance = largestDifference(row(reference, position), row(variant, position))
      return { position, distance, differs: distance > limit, outcome: null }
    },
    describe(position) {
      const side = (output: StoredOutput) => ({
        output: numbersText(row(output, position)),
        confidence: null,
      })
      return { reference: side(reference), variant: side(variant) }
    },
  }
}

/** Windows of text: they differ where another token is held most likely, and are as far apart as their mean losses. */
function readLanguage(reference: StoredOutputs, variant: StoredOutputs): Reader | undefined {
  const [r, x] = [reference.language, variant.language]
  if (!r || !x || r.width !== x.width) return undefined
  const { width } = r
  const side = (answers: LanguageAnswers, position: number) => {
    const { loss, right, tokens } = windowAnswer(answers, position)
    const perplexity = Number.isFinite(loss) ? Math.exp(loss).toPrecision(4) : 'not a number'
    return {
      output: `perplexity ${perplexity}, ${right} of ${tokens} next tokens right`,
      confidence: null,
    }
  }
  return {
    compare(position) {
      const distance = Math.abs(windowAnswer(r, position).loss - windowAnswer(x, position).loss)
      const from = position * width
      const own = r.predicted.subarray(from, from + width)
      const differs = own.some((token, i) => token !== x.predicted[from + i])
      return {
        position,
        distance: Number.isFinite(distance) ? distance : Number.MAX_VALUE,
        differs,
        outcome: null,
      }
    },
    describe: position => ({ reference: side(r, position), variant: side(x, position) }),
  }
}

function row({ values, width }: StoredOutput, position: number): Float32Array {
  return values.subarray(position * width, (position + 1) * width)
}

/** Largest |r − x|; the largest number there is when shapes differ or one is not finite, so that it comes first. */
function largestDifference(r: Float32Array, x: Float32Array): number {
  if (r.length !== x.length) return Number.MAX_VALUE
  let max = 0
  for (let i = 0; i < r.length; i++) {
    const d = Math.abs((r[i] ?? 0) - (x[i] ?? 0))
    if (Number.isNaN(d)) return Number.MAX_VALUE
    max = Math.max(max, d)
  }
  return Math.min(max, Number.MAX_VALUE)
}

function labelText(label: number, classLike: boolean, name: (c: number) => string): string {
  return classLike ? name(label) : numbersText(Float32Array.of(label))
}

/** The first four values with four significant digits. */
function numbersText(values: Float32Array): string {
  const shown = Array.from(values.subarray(0, 4), v =>
    Number.isFinite(v) ? String(Number(v.toPrecision(4))) : 'not a number',
  )
  return values.length > 4 ? `${shown.join(', ')}, …` : shown.join(', ')
}
