/** Samples that pruning looks at: a random part of a split, the same for the same seed. */
import { Random } from '../data/random'
import type { SampleSet } from '../technique'

/** Draws `count` of the samples (all of them when there are no more) without replacement, in rising order. */
export function drawSamples({ dataset, indices }: SampleSet, count: number, seed: number): SampleSet {
  if (count >= indices.length) return { dataset, indices }
  const drawn = new Random(seed).shuffle(Uint32Array.from(indices)).slice(0, count)
  return { dataset, indices: drawn.sort() }
}
