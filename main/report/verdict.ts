/** What a report says first, made of the words that all of Bantam uses. */
import type { Benchmark, Difference, LatencyRatio, Variant } from '../../shared/domain'
import {
  differenceTone,
  mainDifference,
  ownComparison,
  ratiosBetween,
  ratioTone,
  verdict,
} from '../../shared/verdict'
import { type ReportInput, referenceOf } from './input'

/** Latencies of a variant relative to the reference, the one that speaks for it first: smallest batch, fewest threads. */
export function ratiosOf(benchmark: Benchmark | null, reference: Variant, variant: Variant): LatencyRatio[] {
  return ratiosBetween(reference, variant, benchmark?.ratios ?? variant.benchmark?.ratios ?? [])
}

/** Difference of the task's main metric to the reference, when it was measured on the same samples. */
export function qualityDifference(reference: Variant, variant: Variant): Difference | undefined {
  return mainDifference(variant, ownComparison(reference, variant).differences)
}

/** Sentences for the top of the report, most important first. */
export function verdicts(input: ReportInput): string[] {
  const reference = referenceOf(input.variants)?.variant
  if (!reference) return ['There is nothing to compare yet.']
  const others = input.variants.map(v => v.variant).filter(v => v !== reference)
  if (others.length === 0) return [`${reference.name} has no variants to compare it with yet.`]
  const ratio = (v: Variant) => ratiosOf(input.benchmark, reference, v)[0]
  const quality = (v: Variant) => {
    const difference = qualityDifference(reference, v)
    return difference && differenceTone(difference)
  }
  const measured = others.filter(v => quality(v))
  const losing = measured.filter(v => quality(v) === 'worse')
  const safe = measured.filter(v => quality(v) !== 'worse')
  const slower = others.filter(v => toneOf(ratio(v)) === 'worse')
  const [smallest] = [...safe].sort((a, b) => a.summary.sizeBytes - b.summary.sizeBytes)
  const [fastest] = safe
    .filter(v => toneOf(ratio(v)) === 'better')
    .sort((a, b) => (ratio(a)?.ratio ?? 1) - (ratio(b)?.ratio ?? 1))
  const told = (start: string, v: Variant) => `${start} ${v.name}: ${gains(input, reference, v)}.`
  return [
    smallest && told('The smallest variant with no loss shown is', smallest),
    fastest && fastest !== smallest && told('The fastest variant with no loss shown is', fastest),
    measured.length > 0 &&
      safe.length === 0 &&
      `Every variant that was evaluated loses quality against ${reference.name}.`,
    measured.length === 0 &&
      'No variant was evaluated against the reference on data, so nothing is known of their quality.',
    slower.length > 0 && `Slower than ${reference.name} on this machine: ${names(slower)}.`,
    losing.length > 0 && safe.length > 0 && `A loss is shown for: ${names(losing)}.`,
  ].filter(sentence => typeof sentence === 'string')
}

function toneOf(ratio: LatencyRatio | undefined) {
  return ratio && ratioTone(ratio)
}

function names(variants: readonly Variant[]): string {
  return variants.map(v => v.name).join(', ')
}

function gains(input: ReportInput, reference: Variant, variant: Variant): string {
  const { differences } = ownComparison(reference, variant)
  const ratios = ratiosOf(input.benchmark, reference, variant)
  const { size, speed, quality } = verdict(reference, variant, { differences, ratios })
  return [size, speed, quality].map(clause => clause.full).join('; ')
}
