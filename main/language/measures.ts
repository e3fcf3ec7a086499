/**
 * What a language model is worth. With l the mean of −ln p(next token) over all tokens that are predicted:
 * perplexity exp(l), bits per token l / ln 2; and the share of tokens that had the highest score.
 *
 * Tokens of one text depend on each other, so intervals resample texts (with fewer than `FEW` texts, windows of them)
 * and not tokens; differences of two models resample the same texts for both.
 */
import type { Agreement, Difference, Measured, Note } from '../../shared/domain'
import { bootstrapDifference, bootstrapMeasured } from '../measure/bootstrap'
import type { StoredOutputs } from '../measure/outputs'
import { commonSamples } from '../measure/same-samples'
import type { LanguageAnswers } from './answers'

/** Fewer texts than this say too little of how texts differ. */
const FEW = 20

/** Sums over the tokens of each text, or of each window where there are few texts. */
interface Sums {
  tokens: Float64Array
  loss: Float64Array
  right: Float64Array
}

type Group = (window: number) => number

/** Numbers each window's text, or itself; and how many groups there are. */
function grouping(texts: ArrayLike<number>): { group: Group; count: number; byText: boolean } {
  const numbers = new Map<number, number>()
  for (const text of Array.from(texts)) if (!numbers.has(text)) numbers.set(text, numbers.size)
  if (numbers.size < FEW) return { group: window => window, count: texts.length, byText: false }
  return { group: window => numbers.get(texts[window] ?? 0) ?? 0, count: numbers.size, byText: true }
}

/** Sums of `answers` over the given windows; `counts` says which tokens of the i-th of them are taken. */
function sumUp(
  answers: LanguageAnswers,
  windows: readonly number[],
  { group, count }: { group: Group; count: number },
  counts: (i: number, token: number) => boolean,
): Sums {
  const sums = {
    tokens: new Float64Array(count),
    loss: new Float64Array(count),
    right: new Float64Array(count),
  }
  const { width, actual, loss, predicted } = answers
  for (const [i, window] of windows.entries()) {
    const g = group(i)
    for (let token = 0; token < width; token++) {
      if (!counts(i, token)) continue
      const place = window * width + token
      sums.tokens[g] = (sums.tokens[g] ?? 0) + 1
      sums.loss[g] = (sums.loss[g] ?? 0) + (loss[place] ?? 0)
      sums.right[g] = (sums.right[g] ?? 0) + (predicted[place] === actual[place] ? 1 : 0)
    }
  }
  return sums
}

function total(values: Float64Array, sample: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < sample.length; i++) sum += values[sample[i] ?? 0] ?? 0
  return sum
}

type Statistic = (sums: Sums, sample: Uint32Array) => number

const meanLoss: Statistic = ({ loss, tokens }, sample) => total(loss, sample) / total(tokens, sample)

/** Every metric, the main one first. */
const METRICS: Record<'perplexity' | 'bitsPerToken' | 'nextToken', Statistic> = {
  perplexity: (sums, sample) => Math.exp(meanLoss(sums, sample)),
  bitsPerToken: (sums, sample) => meanLoss(sums, sample) / Math.LN2,
  nextToken: ({ right, tokens }, sample) => total(right, sample) / total(tokens, sample),
}

function isMeasured({ loss }: LanguageAnswers, place: number): boolean {
  return !Number.isNaN(loss[place])
}

/** Metrics with intervals, over the tokens whose scores are finite; none when there are none. */
export function languageMetrics(answers: LanguageAnswers): {
  metrics: Record<string, Measured>
  notes: Note[]
} {
  const { width, texts, actual } = answers
  const groups = grouping(texts)
  const windows = Array.from(texts.keys())
  const sums = sumUp(answers, windows, groups, (i, token) => isMeasured(answers, i * width + token))
  const predicted = actual.reduce((n, token) => n + (token >= 0 ? 1 : 0), 0)
  const measured = sums.tokens.reduce((n, tokens) => n + tokens, 0)
  const notes: Note[] = measured < predicted ? [nonFinite(predicted - measured, predicted)] : []
  if (measured === 0) return { metrics: {}, notes }
  if (!groups.byText) notes.push(fewTexts(new Set(texts).size, groups.count))
  const used = withTokens(sums)
  const metrics = Object.fromEntries(
    Object.entries(METRICS).map(([name, statistic]) => [
      name,
      bootstrapMeasured(used.tokens.length, sample => statistic(used, sample)),
    ]),
  )
  return { metrics, notes }
}

/** Without the groups that have no token: a resample of those alone would be nothing. */
function withTokens({ tokens, loss, right }: Sums): Sums {
  const keep = (values: Float64Array) => values.filter((_, i) => (tokens[i] ?? 0) > 0)
  return { tokens: keep(tokens), loss: keep(loss), right: keep(right) }
}

function nonFinite(count: number, of: number): Note {
  return {
    code: 'evaluate.nonfinite',
    severity: 'error',
    message: `The scores for ${count} of ${of} tokens are not finite; these are left out.`,
    action: 'Look for overflow: float16 without headroom, or a division by zero.',
  }
}

function fewTexts(texts: number, windows: number): Note {
  const what = texts === 1 ? 'is one text' : `are ${texts} texts`
  return {
    code: 'evaluate.few-texts',
    severity: 'info',
    message: `There ${what} only: intervals come from ${windows} windows and say little of other texts.`,
    action: 'Measure more texts.',
  }
}

/** `b` − `a` over the tokens both have finite scores for; perplexity first. Throws `bad-option` as `commonSamples`. */
export function languageDifferences(a: StoredOutputs, b: StoredOutputs): Difference[] {
  const [own, other] = [a.language, b.language]
  if (!own || !other || own.width !== other.width) return []
  const { fromA, fromB } = commonSamples(a, b)
  const { width } = own
  const both = (i: number, token: number) =>
    isMeasured(own, (fromA[i] ?? 0) * width + token) && isMeasured(other, (fromB[i] ?? 0) * width + token)
  const groups = grouping(fromA.map(window => own.texts[window] ?? 0))
  const [sumsA, sumsB] = [
    withTokens(sumUp(own, fromA, groups, both)),
    withTokens(sumUp(other, fromB, groups, both)),
  ]
  const count = sumsA.tokens.length
  if (count === 0) return []
  return Object.entries(METRICS).map(([metric, statistic]) => {
    const found = bootstrapDifference(count, s => statistic(sumsB, s) - statistic(sumsA, s))
    return { metric, ...found, test: 'paired bootstrap', shown: found.low > 0 || found.high < 0 }
  })
}

/** Share of tokens of which both models hold the same one most likely; undefined where that is not known. */
export function sameNextToken(a: StoredOutputs, b: StoredOutputs): Agreement['top1'] {
  const [own, other] = [a.language, b.language]
  if (!own || !other || own.predicted.length !== other.predicted.length) return undefined
  let same = 0
  let count = 0
  own.predicted.forEach((token, i) => {
    if (token < 0 || (other.predicted[i] ?? -1) < 0) return
    count++
    if (token === other.predicted[i]) same++
  })
  return count === 0 ? undefined : same / count
}

/** What a model says of one window: mean loss in nats, tokens predicted right, tokens predicted. */
export function windowAnswer(
  { width, loss, actual, predicted }: LanguageAnswers,
  window: number,
): { loss: number; right: number; tokens: number } {
  let sum = 0
  let right = 0
  let tokens = 0
  for (let place = window * width; place < (window + 1) * width; place++) {
    if ((actual[place] ?? -1) < 0) continue
    tokens++
    sum += loss[place] ?? 0
    if (predicted[place] === actual[place]) right++
  }
  return { loss: sum / tokens, right, tokens }
}
