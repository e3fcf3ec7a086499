/** Which samples layers are measured on. */
import { drawSamples } from '../../prune/draw'
import type { SampleSet } from '../../technique'

/** Samples are drawn alike every time, so that two models are compared on the same ones. */
const SEED = 0

/**
 * `count` samples that ranges do not come from: of the calibration samples behind the first `calibrated`, else of those
 * to train on; where there are not so many, of all. `calibration`: outside the test split. `only`: nothing but these.
 */
export function measuredSamples(
  calibration: SampleSet,
  calibrated: number,
  count: number,
  { only = false } = {},
): SampleSet {
  const { dataset, indices } = calibration
  const taken = new Set(indices)
  const training = only ? new Uint32Array() : dataset.indices('train').filter(index => !taken.has(index))
  const fresh = indices.subarray(calibrated)
  const pools = [fresh, joined(fresh, training), joined(indices, training)]
  const pool = pools.find(({ length }) => length >= count) ?? joined(indices, training)
  return drawSamples({ dataset, indices: pool }, count, SEED)
}

function joined(a: Uint32Array, b: Uint32Array): Uint32Array {
  return Uint32Array.from([...a, ...b]).sort()
}
