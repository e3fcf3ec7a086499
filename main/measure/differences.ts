/**
 * Differences between two models on the same samples, second minus first.
 *
 * Accuracy and top-5: Tango's score interval, exact McNemar p. The interval is widened to zero where the exact test
 * does not reject at 5 %, so that interval and p never say different things. The rest: paired bootstrap (both models on
 * the same resampled samples), percentile interval. ECE is not compared: resampling it is biased.
 */
import type { Difference } from '../../shared/domain'
import { languageDifferences } from '../language/measures'
import { bootstrapDifference, meanOf } from './bootstrap'
import { balancedAccuracy, macroF1, type Outcomes, outcomes } from './classification'
import { mainOutput, type StoredOutput, type StoredOutputs } from './outputs'
import { REGRESSION, type RegressionMetric } from './regression'
import { commonSamples } from './same-samples'
import { kindOf, type Scores, scoresOf } from './scores'
import { mcNemar, pairedShareDifference } from './statistics'

/**
 * Differences `b` − `a` over the samples both saw; the task's main metric first. Empty without labels or without an
 * output that answers the task. Throws `bad-option` when the datasets differ or no sample is in both.
 */
export function pairedDifferences(
  a: StoredOutputs,
  b: StoredOutputs,
  task: StoredOutputs['task'],
): Difference[] {
  if (task === 'language') return languageDifferences(a, b)
  const { labels } = a
  if (!labels || task === 'none') return []
  const outputA = mainOutput(a)
  const outputB = mainOutput(b)
  if (!outputA || !outputB) return []
  const { fromA, fromB } = commonSamples(a, b)
  const shared = Float64Array.from(fromA, i => labels[i] ?? 0)
  const chosenA = pick(outputA, fromA)
  const chosenB = pick(outputB, fromB)
  return task === 'classification'
    ? classDifferences(outcomes(scoresOf(chosenA), shared), outcomes(scoresLike(chosenA, chosenB), shared))
    : regressionDifferences(shared, chosenA.values, chosenB.values)
}

/** Scores read as the reference's are: rounding must not turn a variant's probabilities into logits. */
export function scoresLike(reference: StoredOutput, variant: StoredOutput): Scores {
  return reference.width === variant.width ? scoresOf(variant, kindOf(reference)) : scoresOf(variant)
}

/** The output with the given samples only, in their order. */
export function pick(output: StoredOutput, samples: readonly number[]): StoredOutput {
  const { width } = output
  const values = new Float32Array(samples.length * width)
  samples.forEach((sample, i) => {
    values.set(output.values.subarray(sample * width, (sample + 1) * width), i * width)
  })
  return { ...output, values }
}

function classDifferences(a: Outcomes, b: Outcomes): Difference[] {
  const count = a.labels.length
  const found = [shareDifference('accuracy', a.correct, b.correct)]
  const scored = Array.from(a.loss.keys()).filter(i => !Number.isNaN(a.loss[i]) && !Number.isNaN(b.loss[i]))
  if (a.classes > 5 && scored.length > 0) found.push(shareDifference('top5', a.top5, b.top5))
  found.push(
    bootstrapped('balancedAccuracy', count, s => balancedAccuracy(b, s) - balancedAccuracy(a, s)),
    bootstrapped('macroF1', count, s => macroF1(b, s) - macroF1(a, s)),
  )
  if (scored.length > 0) {
    const loss = scored.map(i => (b.loss[i] ?? 0) - (a.loss[i] ?? 0))
    found.push(bootstrapped('logLoss', loss.length, s => meanOf(loss, s)))
  }
  return found
}

function shareDifference(metric: string, a: Uint8Array, b: Uint8Array): Difference {
  let gained = 0
  let lost = 0
  a.forEach((right, i) => {
    if (right === b[i]) return
    if (right) lost++
    else gained++
  })
  const p = mcNemar(gained, lost)
  const { value, low, high } = pairedShareDifference(gained, lost, a.length)
  const widened = p < 0.05 ? { low, high } : { low: Math.min(low, 0), high: Math.max(high, 0) }
  return difference(metric, { value, ...widened, p }, 'exact McNemar; Tango score interval')
}

function regressionDifferences(labels: Float64Array, a: Float32Array, b: Float32Array): Difference[] {
  const kept = Array.from(labels.keys()).filter(i => Number.isFinite(a[i]) && Number.isFinite(b[i]))
  if (kept.length === 0) return []
  const actual = Float64Array.from(kept, i => labels[i] ?? 0)
  const pairsA = { actual, predicted: Float64Array.from(kept, i => a[i] ?? 0) }
  const pairsB = { actual, predicted: Float64Array.from(kept, i => b[i] ?? 0) }
  const names: RegressionMetric[] = ['r2', 'mae', 'rmse']
  return names.map(name => {
    const metric = REGRESSION[name]
    return bootstrapped(name, kept.length, s => metric(pairsB, s) - metric(pairsA, s))
  })
}

function bootstrapped(metric: string, count: number, statistic: (sample: Uint32Array) => number): Difference {
  return difference(metric, bootstrapDifference(count, statistic), 'paired bootstrap')
}

function difference(
  metric: string,
  { value, low, high, p }: { value: number; low: number; high: number; p: number },
  test: string,
): Difference {
  return { metric, value, low, high, p, test, shown: low > 0 || high < 0 }
}
