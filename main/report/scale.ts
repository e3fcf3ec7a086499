/** Axes: round numbers that cover a range, and where a value lies on a line of pixels. */

export interface Scale {
  /** Rounded ends of the axis. */
  low: number
  high: number
  ticks: number[]
  /** Position of a value between `from` and `to` pixels. */
  at(value: number): number
}

/**
 * A linear scale whose ticks are multiples of 1, 2 or 5 times a power of ten.
 * @param values what must fit on the axis; a single value gets room around it
 * @param from pixel of the low end
 * @param to pixel of the high end
 */
export function linearScale(values: readonly number[], from: number, to: number, wanted = 5): Scale {
  const finite = values.filter(Number.isFinite)
  let low = finite.length > 0 ? Math.min(...finite) : 0
  let high = finite.length > 0 ? Math.max(...finite) : 1
  if (low === high) {
    const room = low === 0 ? 1 : Math.abs(low) * 0.1
    low -= room
    high += room
  }
  const step = roundStep((high - low) / wanted)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.ceil(high / step - 1e-9)
  const ticks = Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  )
  const [start, end] = [first * step, last * step]
  return { low: start, high: end, ticks, at: value => from + ((value - start) / (end - start)) * (to - from) }
}

/** The smallest of 1, 2, 5 × 10ⁿ that is not below `step`. */
export function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  const digit = step / power
  return (digit <= 1 + 1e-9 ? 1 : digit <= 2 + 1e-9 ? 2 : digit <= 5 + 1e-9 ? 5 : 10) * power
}
