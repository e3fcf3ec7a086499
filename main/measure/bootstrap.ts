/**
 * The bootstrap with a fixed seed: the same data give the same interval everywhere.
 * Percentile intervals; two-sided p = 2·min(P*(T ≤ 0), P*(T ≥ 0)), each share counted as (1 + hits)/(1 + resamples).
 */
import type { Measured } from '../../shared/domain'
import { median, quantile } from './statistics'

export const RESAMPLES = 2000
/** Above this many sample visits there are fewer resamples, but never fewer than 200. */
const VISITS = 50_000_000
const SEED = 0x5eed

/** How many resamples a data set of `count` samples gets: 2,000 up to 25,000 samples, then fewer, at least 200. */
export function resampleCount(count: number): number {
  return Math.max(200, Math.min(RESAMPLES, Math.floor(VISITS / Math.max(1, count))))
}

/** Uniform numbers in [0, 1): mulberry32, period 2³². The same seed gives the same numbers on every machine. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/**
 * Values of `statistic` on resamples of `count` samples with replacement, sorted; results that are not finite are
 * left out. `statistic` reads the sample numbers it is given and must not keep the array.
 */
export function bootstrap(
  count: number,
  statistic: (sample: Uint32Array) => number,
  { seed = SEED, resamples = resampleCount(count) }: { seed?: number; resamples?: number } = {},
): Float64Array {
  const next = random(seed)
  const sample = new Uint32Array(count)
  const values = new Float64Array(resamples)
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < count; i++) sample[i] = Math.floor(next() * count)
    values[r] = statistic(sample)
  }
  return values.filter(Number.isFinite).sort()
}

/** The statistic on all samples with its percentile interval; without samples or a spread, the value alone. */
export function bootstrapMeasured(count: number, statistic: (sample: Uint32Array) => number): Measured {
  const value = statistic(Uint32Array.from({ length: count }, (_, i) => i))
  const values = count > 1 ? bootstrap(count, statistic) : new Float64Array()
  if (values.length === 0) return { value }
  return { value, low: quantile(values, 0.025), high: quantile(values, 0.975) }
}

/** A paired difference: value, percentile interval and two-sided p. `difference` compares both models on one resample. */
export function bootstrapDifference(
  count: number,
  difference: (sample: Uint32Array) => number,
): Required<Measured> & { p: number } {
  const value = difference(Uint32Array.from({ length: count }, (_, i) => i))
  const values = count > 1 ? bootstrap(count, difference) : new Float64Array()
  if (values.length === 0) return { value, low: value, high: value, p: 1 }
  let below = 0
  let above = 0
  for (const v of values) {
    if (v <= 0) below++
    if (v >= 0) above++
  }
  const p = Math.min(1, (2 * (1 + Math.min(below, above))) / (1 + values.length))
  return { value, low: quantile(values, 0.025), high: quantile(values, 0.975), p }
}

/** Mean over a resample. */
export function meanOf(values: ArrayLike<number>, sample: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < sample.length; i++) sum += values[sample[i] ?? 0] ?? 0
  return sum / sample.length
}

/**
 * Ratio median(b)/median(a) of two models timed in turns, with the interval from resampling whole blocks: a block
 * holds the times of both in the same stretch of time, so that slow stretches fall on both.
 */
export function ratioOfMedians(
  blocks: readonly { a: readonly number[]; b: readonly number[] }[],
  resamples = 1000,
): { ratio: number; low: number; high: number } {
  const middle = (sample: ArrayLike<number>, side: 'a' | 'b') =>
    median(Array.from(sample, i => blocks[i]?.[side] ?? []).flat())
  const ratio = (sample: ArrayLike<number>) => middle(sample, 'b') / middle(sample, 'a')
  const value = ratio(blocks.map((_, i) => i))
  const values = bootstrap(blocks.length, ratio, { resamples })
  return { ratio: value, low: quantile(values, 0.025), high: quantile(values, 0.975) }
}
