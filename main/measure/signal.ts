/** Signal to noise of answers next to those of another model, SQNR = 10·log₁₀(Σ y² / Σ (y′ − y)²). */
import type { Answers } from './answers'

/** Of everything in dB; null where nothing differs. A number that is not finite counts as zero. */
export function answersSqnr(whole: Pick<Answers, 'rows'>, changed: Pick<Answers, 'rows'>): number | null {
  let signal = 0
  let noise = 0
  whole.rows.forEach((row, i) => {
    const other = changed.rows[i] ?? []
    for (let k = 0; k < row.length; k++) {
      const [a, b] = [finite(row[k]), finite(other[k])]
      signal += a * a
      noise += (a - b) ** 2
    }
  })
  return decibels(signal, noise)
}

/** Null where there is no noise. Where there is no signal, as if it were the smallest number. */
export function decibels(signal: number, noise: number): number | null {
  if (noise === 0) return null
  return 10 * Math.log10(Math.max(signal, Number.MIN_VALUE) / noise)
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0
}
