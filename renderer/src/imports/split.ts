import type { SplitOptions } from '../../../shared/domain'

export type Part = 'train' | 'calibration' | 'test'
export const PARTS: readonly Part[] = ['train', 'calibration', 'test']

/** Sum of shares that is still one, for all that floating point does to thirds. */
const EPSILON = 1e-9

function rounded(share: number): number {
  return Math.round(share * 1000) / 1000
}

/**
 * The split with one part's share set. The three never exceed all samples: what is too much is taken from the
 * training part first, then from the other.
 */
export function withShare(split: SplitOptions, part: Part, share: number): SplitOptions {
  const next = { ...split, [part]: rounded(Math.min(1, Math.max(0, share))) }
  for (const other of ['train', 'test', 'calibration'] as const) {
    const over = next.train + next.calibration + next.test - 1
    if (other !== part && over > EPSILON) next[other] = rounded(Math.max(0, next[other] - over))
  }
  return next
}

/** Samples in each part, as the engine rounds them: down. */
export function splitCounts(split: SplitOptions, count: number): Record<Part, number> {
  const of = (share: number) => Math.floor(share * count + EPSILON)
  return { train: of(split.train), calibration: of(split.calibration), test: of(split.test) }
}
