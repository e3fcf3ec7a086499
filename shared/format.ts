/** How numbers are written, everywhere: screen, terminal, report. */
import type { Difference, Measured } from './domain'
import type { Metric } from './metrics'

function significant(value: number, digits = 3): string {
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return '–'
  const magnitude = Math.floor(Math.log10(Math.abs(value)))
  if (magnitude < -4) return value.toExponential(digits - 1)
  return value.toFixed(Math.max(0, digits - 1 - magnitude))
}

/** 1234567 → '1.23 MB' (powers of 1000, as file managers show). */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB'], ' ')
}

/** 421642 → '422 k'. */
export function formatCount(count: number): string {
  return scaled(count, ['', 'k', 'M', 'G', 'T'], ' ').trimEnd()
}

/** Measured events per second, to three digits: 256.99 → '257', 5730 → '5.73 k'. */
export function formatRate(value: number): string {
  return Math.abs(value) < 999.5 ? significant(value) : formatCount(value)
}

/** 10000 → '10,000': where every one counts, as samples do. */
export function formatExact(count: number): string {
  return count.toLocaleString('en-US')
}

function scaled(value: number, units: readonly string[], gap: string): string {
  let unit = 0
  let rest = value
  while (Math.abs(rest) >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  return `${unit === 0 ? String(Math.round(rest * 100) / 100) : significant(rest)}${gap}${units[unit]}`
}

/** Milliseconds → '14.1 ms', '820 µs' or '2.30 s'. */
export function formatMs(ms: number): string {
  if (Math.abs(ms) < 1) return `${significant(ms * 1000)} µs`
  if (Math.abs(ms) < 1000) return `${significant(ms)} ms`
  return `${significant(ms / 1000)} s`
}

/** Share of one → '97.31 %'. */
export function formatShare(share: number, digits = 2): string {
  return `${(share * 100).toFixed(digits)} %`
}

/** Seconds → '3 s', '2 min 5 s', '1 h 4 min'. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}

export function formatValue(value: number, unit: Metric['unit']): string {
  switch (unit) {
    case 'bytes':
      return formatBytes(value)
    case 'ms':
      return formatMs(value)
    case 'share':
      return formatShare(value)
    case 'count':
      return formatCount(value)
    case 'perSecond':
      return `${formatRate(value)}/s`
    case 'joules':
      return value < 0.1 ? `${significant(value * 1000)} mJ` : `${significant(value)} J`
    case 'decibel':
      return `${significant(value)} dB`
    case 'nats':
      return significant(value)
    case 'number':
      return significant(value, 4)
  }
}

export function formatMeasured(measured: Measured, unit: Metric['unit']): string {
  const value = formatValue(measured.value, unit)
  if (measured.low === undefined || measured.high === undefined) return value
  return `${value} (${formatValue(measured.low, unit)} to ${formatValue(measured.high, unit)})`
}

/** 'points' for shares: +0.12 points (−0.30 to +0.54), or 'no difference shown'. */
export function formatDifference(difference: Difference, unit: Metric['unit']): string {
  const part = (x: number) => {
    const sign = x > 0 ? '+' : x < 0 ? '−' : '±'
    return unit === 'share'
      ? `${sign}${Math.abs(x * 100).toFixed(2)}`
      : `${sign}${formatValue(Math.abs(x), unit)}`
  }
  const points = unit === 'share' ? ' points' : ''
  const interval = `(${part(difference.low)} to ${part(difference.high)})`
  return difference.shown
    ? `${part(difference.value)}${points} ${interval}`
    : `no difference shown: ${part(difference.value)}${points} ${interval}`
}

/** Ratio of new to old as a factor people say: 0.5 → '2.0× faster'. */
export function formatSpeed(ratio: number): string {
  return ratio <= 1 ? `${significant(1 / ratio, 2)}× faster` : `${significant(ratio, 2)}× slower`
}
