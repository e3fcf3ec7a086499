/** Which samples make which batch, and the random numbers of each step: functions of seed, epoch and step alone. */
import { Random } from '../data/random'

/** Separate streams of one seed, so that a change of one leaves the others as they were. */
export type Stream = 'order' | 'validation' | 'augment' | 'dropout' | 'mixup'
const STREAMS: Record<Stream, number> = { order: 1, validation: 2, augment: 3, dropout: 4, mixup: 5 }

/** Generator of a stream at a place in the run; the same place gives the same numbers, whatever came before. */
export function randomAt(seed: number, stream: Stream, at = 0): Random {
  return new Random((seed % 2 ** 20) * 2 ** 32 + at * 8 + STREAMS[stream])
}

/** The samples of an epoch in the order they are seen. */
export function epochOrder(samples: Uint32Array, seed: number, epoch: number): Uint32Array {
  return randomAt(seed, 'order', epoch).shuffle(Uint32Array.from(samples))
}

/**
 * Holds out `share` of the samples, each class in its proportion when labels are given (stratified).
 * Returns both parts in ascending order.
 */
export function holdOut(
  samples: Uint32Array,
  share: number,
  seed: number,
  labels?: Float64Array,
): { train: Uint32Array; validation: Uint32Array } {
  const random = randomAt(seed, 'validation')
  const groups = new Map<number, number[]>()
  samples.forEach((sample, i) => {
    const key = labels?.[i] ?? 0
    const group = groups.get(key)
    if (group) group.push(sample)
    else groups.set(key, [sample])
  })
  const held: number[] = []
  let seen = 0
  for (const [, group] of [...groups].sort((a, b) => a[0] - b[0])) {
    // Rounded over the classes together, so that many small ones still give their share. None is held out whole.
    const due = Math.round(share * (seen + group.length)) - Math.round(share * seen)
    seen += group.length
    const shuffled = random.shuffle(Uint32Array.from(group))
    for (const sample of shuffled.subarray(0, Math.min(due, group.length - 1))) held.push(sample)
  }
  const validation = Uint32Array.from(held).sort()
  const out = new Set(held)
  return { train: samples.filter(sample => !out.has(sample)).sort(), validation }
}
