/**
 * Splits fixed by a seed. Samples are put in one order, of which the test split is the beginning, calibration what
 * follows, and train what follows that: so the three never share a sample, and the test split depends on nothing but
 * the seed and its own fraction.
 *
 * The order: every class is shuffled, its k-th of n samples gets the key (k + ½) / n, and all samples are sorted by
 * key (ties: classes in a shuffled order). Any beginning of the order, and any stretch of it, then holds every class
 * in proportion to within about one sample; without labels it is a plain shuffle.
 */
import type { SplitOptions } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { Random } from './random'

export interface Splits {
  train: Uint32Array
  calibration: Uint32Array
  test: Uint32Array
}

/**
 * Indices of the three splits of `count` samples, each in the mixed order described above (a beginning of a split is
 * itself stratified). `classes` holds one class index per sample, or is absent.
 * Throws `bad-option` when the fractions add up to more than one.
 */
export function makeSplits(count: number, options: SplitOptions, classes?: ArrayLike<number>): Splits {
  const { train, calibration, test, seed } = options
  if (train + calibration + test > 1 + 1e-9) {
    const sum = Number((train + calibration + test).toFixed(4))
    throw new BantamError('bad-option', `The fractions of the splits add up to ${sum}, more than 1.`, {
      where: `train ${train}, calibration ${calibration}, test ${test}`,
      action: 'Choose fractions that add up to 1 or less.',
    })
  }
  const order = mixedOrder(count, seed, classes)
  const testEnd = Math.round(count * test)
  const calibrationEnd = Math.min(count, testEnd + Math.round(count * calibration))
  const trainEnd = Math.min(count, calibrationEnd + Math.round(count * train))
  return {
    test: order.slice(0, testEnd),
    calibration: order.slice(testEnd, calibrationEnd),
    train: order.slice(calibrationEnd, trainEnd),
  }
}

function mixedOrder(count: number, seed: number, classes?: ArrayLike<number>): Uint32Array {
  const random = new Random(seed)
  if (!classes) return random.shuffle(Uint32Array.from({ length: count }, (_, i) => i))
  const groups = groupByClass(count, classes)
  const rankOf = random.shuffle(Uint32Array.from(groups, (_, i) => i))
  const keys = new Float64Array(count)
  const ranks = new Uint32Array(count)
  for (const [position, members] of groups.entries()) {
    random.shuffle(members)
    for (let k = 0; k < members.length; k++) {
      const sample = members[k] ?? 0
      keys[sample] = (k + 0.5) / members.length
      ranks[sample] = rankOf[position] ?? 0
    }
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  // Keys are equal only across classes, so (key, rank) orders the samples completely.
  return order.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || (ranks[a] ?? 0) - (ranks[b] ?? 0))
}

/** Sample indices of every class that occurs, classes ascending. */
function groupByClass(count: number, classes: ArrayLike<number>): Uint32Array[] {
  const sizes = new Map<number, number>()
  for (let i = 0; i < count; i++) sizes.set(classes[i] ?? 0, (sizes.get(classes[i] ?? 0) ?? 0) + 1)
  const groups = new Map<number, { members: Uint32Array; used: number }>()
  for (const [value, size] of sizes) groups.set(value, { members: new Uint32Array(size), used: 0 })
  for (let i = 0; i < count; i++) {
    const group = groups.get(classes[i] ?? 0)
    if (group) group.members[group.used++] = i
  }
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group.members)
}
