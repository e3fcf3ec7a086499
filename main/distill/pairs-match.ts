/** Matching the tensors of a teacher with those of a student in their order. */

/**
 * The pairs (i, j), ascending in both, each i and each j at most once, with the largest sum of scores: `score` is above
 * zero, or undefined for two that cannot be compared. Alignment by dynamic programming (Needleman and Wunsch 1970), gaps
 * free.
 */
export function matchInOrder(
  first: number,
  second: number,
  score: (i: number, j: number) => number | undefined,
): [number, number][] {
  const width = second + 1
  const best = new Float64Array((first + 1) * width)
  const at = (i: number, j: number) => best[i * width + j] ?? 0
  for (let i = first - 1; i >= 0; i--)
    for (let j = second - 1; j >= 0; j--) {
      const paired = score(i, j)
      const gain = paired === undefined ? 0 : paired + at(i + 1, j + 1)
      best[i * width + j] = Math.max(gain, at(i + 1, j), at(i, j + 1))
    }
  const pairs: [number, number][] = []
  for (let i = 0, j = 0; i < first && j < second; ) {
    if (at(i, j) === at(i + 1, j)) i++
    else if (at(i, j) === at(i, j + 1)) j++
    else pairs.push([i++, j++])
  }
  return pairs
}

/** At most `count` of a list, evenly spread, its ends included. */
export function spread<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list]
  if (count === 1) return list.slice(-1)
  return Array.from({ length: count }, (_, i) => list[Math.round((i * (list.length - 1)) / (count - 1))] as T) // in range
}
