/** Domains and ticks of an axis. Linear ticks are 1, 2, 2.5 or 5 times a power of ten; log ticks 1, 2 and 5. */
import type { Measured } from '../../../shared/domain'
import { formatValue } from '../../../shared/format'
import type { Metric } from '../../../shared/metrics'

export type Domain = readonly [number, number]

/** Range that shows every value (and interval, if asked) with some air; shares never go above one or below zero. */
export function axisDomain(
  values: readonly Measured[],
  log: boolean,
  intervals: boolean,
  unit: Metric['unit'],
): Domain {
  const all = values.flatMap(m =>
    intervals && m.low !== undefined && m.high !== undefined ? [m.value, m.low, m.high] : [m.value],
  )
  const finite = all.filter(v => Number.isFinite(v) && (!log || v > 0))
  if (finite.length === 0) return log ? [1, 10] : [0, 1]
  let [low, high] = [Math.min(...finite), Math.max(...finite)]
  if (log) {
    const air = Math.max((high / low) ** 0.07, 1.05)
    return [low / air, high * air]
  }
  if (low === high) {
    const half = Math.abs(low) * 0.1 || 1
    ;[low, high] = [low - half, high + half]
  }
  const air = (high - low) * 0.07
  const floor = low >= 0 ? Math.max(0, low - air) : low - air
  const top = unit === 'share' && high <= 1 ? Math.min(1 + air * 0.35, high + air) : high + air
  return [floor, top]
}

/** About `count` round numbers inside the domain. */
export function axisTicks(domain: Domain, log: boolean, count: number): number[] {
  const [low, high] = domain
  if (log) {
    const ticks: number[] = []
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of [1, 2, 5]) ticks.push(factor * 10 ** power)
    }
    const inside = ticks.filter(t => t >= low && t <= high)
    const decades = inside.filter(t => Math.abs(Math.log10(t) - Math.round(Math.log10(t))) < 1e-9)
    if (inside.length >= 2) return inside.length > count * 1.6 && decades.length >= 2 ? decades : inside
  }
  const raw = (high - low) / Math.max(1, count)
  const magnitude = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 2.5, 5, 10].map(f => f * magnitude).find(s => s >= raw * (1 - 1e-9)) ?? raw
  const first = Math.ceil(low / step - 1e-9)
  const ticks: number[] = []
  for (let i = first; i * step <= high + step * 1e-9; i++) ticks.push(Number((i * step).toPrecision(12)))
  return ticks
}

/** A tick in few characters: no zeros that say nothing. */
export function tickText(value: number, unit: Metric['unit'], ticks: readonly number[]): string {
  if (unit === 'share') {
    const exact = ticks.length > 1 ? Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) * 100 : 1
    const step = Number(exact.toPrecision(6)) // 0.9925 − 0.99 is not 0.0025
    const digits = step >= 1 ? 0 : step >= 0.1 ? 1 : 2
    return `${(value * 100).toFixed(step === 2.5 || step === 0.25 ? digits + 1 : digits)} %`
  }
  const texts = ticks.map(t => formatValue(t, unit))
  if (new Set(texts).size < texts.length) return finely(value, unit, ticks)
  return formatValue(value, unit)
    .replace(/(\.\d*?)0+(?=\D|$)/, '$1')
    .replace(/\.(?=\D|$)/, '')
}

/** A tick with as many decimals as the step between ticks needs, in the unit that the largest tick is written in. */
function finely(value: number, unit: Metric['unit'], ticks: readonly number[]): string {
  const largest = ticks.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)
  const [, digits = '1', name = ''] = /^(-?[\d.]+)(.*)$/.exec(formatValue(largest, unit)) ?? []
  // A unit is a power of ten of the value's own: 1.38 µs of 0.00138 ms.
  const scale = 10 ** Math.round(Math.log10(Math.abs(largest / Number(digits))))
  const step = Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) / scale
  const decimals = step > 0 ? Math.min(9, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))) : 0
  const exact = Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) < 1e-6
  return `${(value / scale).toFixed(exact ? decimals : decimals + 1)}${name}`
}

/** Value → pixel between `from` and `to`. */
export function project(value: number, domain: Domain, log: boolean, from: number, to: number): number {
  const f = log ? Math.log : (x: number) => x
  return from + ((f(value) - f(domain[0])) / (f(domain[1]) - f(domain[0]))) * (to - from)
}

/** Pixel → value; the inverse of `project`. */
export function unproject(pixel: number, domain: Domain, log: boolean, from: number, to: number): number {
  const share = (pixel - from) / (to - from)
  if (log) return domain[0] * (domain[1] / domain[0]) ** share
  return domain[0] + share * (domain[1] - domain[0])
}
