/** Which samples layers are measured on. */
import { drawSamples } from '../../prune/draw'
import type { SampleSet } from '../../technique'

/** Samples are drawn alike every time, so that two models are compared on the same ones. */
const SEED = 0

/**
 * `count` samples, of those that ranges do not come from where there are so many, else of all. `calibration`: outside
 * the test split; the first `calibrated` give the ranges.
 */
export function measuredSamples(calibration: SampleSet, calibrated: number, count: number): SampleSet {
  const { dataset, indices } = calibration
  const fresh = indices.subarray(calibrated)
  return drawSamples({ dataset, indices: fresh.length >= count ? fresh : indices }, count, SEED)
}
