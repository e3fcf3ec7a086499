/** Samples that pruning looks at: a random part of a split, the same for the same seed. */
import { Random } from '../data/random'
import type { SampleSet } from '../technique'

/** Draws `count` of the samples (all of them when there are fewer) without replacement, in rising order. */
export function drawSamples({ dataset, indices }: SampleSet, count: number, seed: number): SampleSet {
  if (count >= indices.length) return { dataset, indices }
  const drawn = indices.slice()
  const random = new Random(seed)
  for (let i = 0; i < count; i++) {
    const j = i + random.below(drawn.length - i)
    const taken = drawn[j] ?? 0
    drawn[j] = drawn[i] ?? 0
    drawn[i] = taken
  }
  return { dataset, indices: drawn.subarray(0, count).sort() }
}
