/**
 * Sums of two products of unsigned and signed 8-bit numbers, kept in 16 bits: what VPMADDUBSW computes, with which
 * processors without VNNI multiply (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, PMADDUBSW).
 */

/** Bounds of a sum. */
export const LARGEST = 32767
export const LEAST = -32768
const CODES = 255

/** Two weights that are multiplied next to each other, by their place in the row. */
export interface Pair {
  at: number
  first: number
  second: number
}

/** The pairs of a row of weights that saturate for some activations. Pairs begin at even places. */
export function saturatingPairs(row: Int8Array): Pair[] {
  const pairs: Pair[] = []
  for (let at = 0; at < row.length; at += 2) {
    const first = row[at] as number
    const second = row[at + 1] ?? 0
    const most = CODES * (Math.max(0, first) + Math.max(0, second))
    const least = CODES * (Math.min(0, first) + Math.min(0, second))
    if (most > LARGEST || least < LEAST) pairs.push({ at, first, second })
  }
  return pairs
}
