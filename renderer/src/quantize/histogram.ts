/** A histogram in as many bars as there is room for, and places on its axis. */
import type { TensorDetail } from '../../../shared/quantize'

export interface Extent {
  low: number
  high: number
}

/** What the axis spans: all values, and every range that a calibration would represent. */
export function extentOf({ histogram, ranges }: Pick<TensorDetail, 'histogram' | 'ranges'>): Extent {
  const low = Math.min(histogram.low, ...ranges.map(r => r.min))
  const high = Math.max(histogram.high, ...ranges.map(r => r.max))
  if (high > low) return { low, high }
  // One value only: room on both sides.
  const room = Math.abs(low) || 1
  return { low: low - room / 2, high: high + room / 2 }
}

/** Place of a value on the axis, 0 … 1. */
export function placeOf(value: number, { low, high }: Extent): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)))
}

/**
 * Heights 0 … 1 of `bars` equal parts of the extent, by the logarithm of their counts: rare values far out, which
 * stretch a range, are seen beside common ones. A count spreads evenly over its bin.
 */
export function logBars(histogram: TensorDetail['histogram'], extent: Extent, bars: number): number[] {
  const { low, high, counts } = histogram
  const sums = new Array<number>(bars).fill(0)
  const width = (high - low) / counts.length
  const barOf = (value: number) => ((value - extent.low) / (extent.high - extent.low)) * bars
  counts.forEach((count, i) => {
    if (count === 0) return
    const from = Math.max(0, barOf(low + i * width))
    const to = Math.min(bars, barOf(low + (i + 1) * width))
    if (!(to > from)) {
      const at = Math.min(bars - 1, Math.floor(from))
      sums[at] = (sums[at] ?? 0) + count
      return
    }
    for (let bar = Math.floor(from); bar < to; bar++) {
      const share = (Math.min(to, bar + 1) - Math.max(from, bar)) / (to - from)
      sums[bar] = (sums[bar] ?? 0) + count * share
    }
  })
  const most = Math.log1p(Math.max(0, ...sums))
  return sums.map(sum => (most === 0 ? 0 : Math.log1p(sum) / most))
}

export interface ChannelBar {
  /** First channel of the bar, and how many it stands for. */
  first: number
  count: number
  min: number
  max: number
}

/** Ranges of channels in at most `most` bars: neighbours share one, which spans them. */
export function channelBars(
  { min, max }: { min: readonly number[]; max: readonly number[] },
  most: number,
): ChannelBar[] {
  const each = Math.max(1, Math.ceil(min.length / Math.max(1, most)))
  const bars: ChannelBar[] = []
  for (let first = 0; first < min.length; first += each) {
    const count = Math.min(each, min.length - first)
    bars.push({
      first,
      count,
      min: Math.min(...min.slice(first, first + count)),
      max: Math.max(...max.slice(first, first + count)),
    })
  }
  return bars
}

/** The channel of the widest range, and by how much it is wider than the median one; null where all are zero. */
export function widestChannel(channels: {
  min: readonly number[]
  max: readonly number[]
}): { channel: number; times: number } | null {
  const reach = channels.min.map((low, i) => Math.max(Math.abs(low), Math.abs(channels.max[i] ?? 0)))
  const sorted = [...reach].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const most = sorted.at(-1) ?? 0
  if (most === 0) return null
  return { channel: reach.indexOf(most), times: median > 0 ? most / median : Number.POSITIVE_INFINITY }
}

/** '−0.42', '1.3', '1.2e-5': a place on an axis. */
export function placeText(value: number): string {
  const size = Math.abs(value)
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e5) ? size.toExponential(1) : String(Number(size.toPrecision(3)))
  return value < 0 ? `−${text}` : text
}
