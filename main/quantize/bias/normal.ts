/**
 * Means of normal variables cut to an interval. With α = (a − μ)/σ and β = (b − μ)/σ,
 *
 *   E[clip(x, a, b)] = a·Φ(α) + b·(1 − Φ(β)) + μ·(Φ(β) − Φ(α)) + σ·(φ(α) − φ(β))
 *
 * Nagel et al. 2019 (arXiv:1906.04721), equation 38 of the supplement; a Relu is the case a = 0, b = ∞.
 */

/** φ: density of the standard normal distribution. */
function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
}

/** Φ, within 7.5e-8 (Abramowitz and Stegun 1964, 26.2.17). */
function cumulative(x: number): number {
  if (x < 0) return 1 - cumulative(-x)
  const t = 1 / (1 + 0.2316419 * x)
  const sum = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return 1 - density(x) * sum
}

/** Mean of a normal variable clipped to [low, high], which may be infinite. */
export function clippedMean(mean: number, deviation: number, low: number, high: number): number {
  if (!(deviation > 0)) return Math.min(high, Math.max(low, mean))
  const [a, b] = [(low - mean) / deviation, (high - mean) / deviation]
  const [below, above] = [cumulative(a), 1 - cumulative(b)]
  const least = Number.isFinite(low) ? low * below : 0
  const most = Number.isFinite(high) ? high * above : 0
  return least + most + mean * (1 - above - below) + deviation * (density(a) - density(b))
}
