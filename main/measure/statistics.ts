/**
 * Intervals and tests. All intervals are 95 %.
 *
 * Wilson score interval: Wilson 1927, JASA 22:209. With p̂ = k/n and z = 1.96:
 *   centre = (p̂ + z²/2n) / (1 + z²/n),  half = z/(1 + z²/n) · √(p̂(1−p̂)/n + z²/4n²).
 * Exact McNemar: of b + c discordant pairs, b ~ Binomial(b + c, ½) under "no difference"; p = min(1, 2·P(X ≤ min(b, c))).
 * Paired difference of proportions: Tango 1998, Statistics in Medicine 17:891 (score interval).
 * Interval of the median: order statistics, Binomial(n, ½).
 */
import type { Measured } from '../../shared/domain'

/** Two-sided 95 % quantile of the normal distribution. */
export const Z95 = 1.959963984540054

/** Share `successes / trials` with its Wilson interval. No trials: 0 within [0, 1]. */
export function wilson(successes: number, trials: number): Required<Measured> {
  if (trials === 0) return { value: 0, low: 0, high: 1 }
  const p = successes / trials
  const z2 = Z95 * Z95
  const scale = 1 + z2 / trials
  const centre = (p + z2 / (2 * trials)) / scale
  const half = (Z95 / scale) * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials))
  // At p = 0 and 1 a bound is exact; rounding must not push it past the estimate.
  return {
    value: p,
    low: Math.max(0, Math.min(p, centre - half)),
    high: Math.min(1, Math.max(p, centre + half)),
  }
}

/** Exact two-sided McNemar p value of `b` against `c` discordant pairs. */
export function mcNemar(b: number, c: number): number {
  if (b === c) return 1
  return Math.min(1, 2 * binomialHalfCdf(Math.min(b, c), b + c))
}

/** P(X ≤ k) of Binomial(n, ½); relative accuracy about 1e-12 for n up to a million. */
export function binomialHalfCdf(k: number, n: number): number {
  if (k < 0) return 0
  if (k >= n) return 1
  if (2 * k + 1 > n) return 1 - binomialHalfCdf(n - k - 1, n)
  // t(k) = C(n, k)/2ⁿ, and t(j − 1) = t(j) · j/(n − j + 1): summed downwards until nothing is added.
  let term = Math.exp(logFactorial(n) - logFactorial(k) - logFactorial(n - k) - n * Math.LN2)
  let sum = 0
  for (let j = k; j >= 0 && term > sum * 1e-17; j--) {
    sum += term
    term *= j / (n - j + 1)
  }
  return sum
}

/** ln(n!): summed for small n, Stirling's series (error below 1e-16) above. */
function logFactorial(n: number): number {
  if (n < 30) {
    let product = 1
    for (let i = 2; i <= n; i++) product *= i
    return Math.log(product)
  }
  const x = n + 1
  const r = 1 / (x * x)
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r / 1680))) / x
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series
}

/**
 * Difference of two shares measured on the same `n` samples: (b − c)/n, where `b` samples are right only in the first
 * and `c` only in the second, with Tango's score interval.
 */
export function pairedShareDifference(b: number, c: number, n: number): Required<Measured> {
  if (n === 0) return { value: 0, low: -1, high: 1 }
  const value = (b - c) / n
  return {
    value,
    low: solve(-1, value, d => tangoScore(b, c, n, d) - Z95),
    high: solve(value, 1, d => tangoScore(b, c, n, d) + Z95),
  }
}

/** Score of "the true difference is d"; falls from positive to negative as d grows, 0 at (b − c)/n. */
function tangoScore(b: number, c: number, n: number, d: number): number {
  // q: maximum likelihood estimate of the second discordant share when the difference is d.
  const quadratic = 2 * n
  const linear = -b - c + (2 * n - b + c) * d
  const constant = -c * d * (1 - d)
  const q = (Math.sqrt(Math.max(0, linear * linear - 4 * quadratic * constant)) - linear) / (2 * quadratic)
  const top = b - c - n * d
  const variance = n * (2 * q + d * (1 - d))
  if (variance > 0) return top / Math.sqrt(variance)
  return Math.sign(top) * Number.POSITIVE_INFINITY || 0
}

/** Where a falling function crosses zero between `low` and `high`; the end it does not reach when it does not cross. */
function solve(low: number, high: number, f: (x: number) => number): number {
  let [a, b] = [low, high]
  for (let i = 0; i < 100 && b - a > 1e-15; i++) {
    const middle = (a + b) / 2
    if (f(middle) > 0) a = middle
    else b = middle
  }
  return (a + b) / 2
}

/**
 * Quantile of sorted values, linear between order statistics (Hyndman and Fan's type 7, numpy's default).
 * Empty: NaN.
 */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  const low = sorted[below] ?? Number.NaN
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN
  return low + (high - low) * (at - below)
}

export function median(values: ArrayLike<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5)
}

/**
 * Interval of the median: the r-th smallest and r-th largest value, with r the largest rank whose coverage
 * 1 − 2·P(Binomial(n, ½) < r) is at least 95 %. Below 6 values no such rank exists and the whole range is given.
 */
export function medianInterval(sorted: ArrayLike<number>): { low: number; high: number } {
  const n = sorted.length
  // The normal approximation lands within a step or two of the rank; the exact distribution decides.
  let rank = Math.max(1, Math.floor(n / 2 - (Z95 * Math.sqrt(n)) / 2) + 2)
  while (rank > 1 && 2 * binomialHalfCdf(rank - 1, n) > 0.05) rank--
  return { low: sorted[rank - 1] ?? Number.NaN, high: sorted[n - rank] ?? Number.NaN }
}
