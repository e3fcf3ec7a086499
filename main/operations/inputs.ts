/** What a result is tried on: samples of the calibration data, or made-up values where there are none. */

import type { TensorInfo } from '../../shared/domain'
import type { Dataset } from '../data/dataset'
import { type Feeds, fixedBatch, makeFeeds } from '../measure/inputs'

/** Samples tried at most. */
const SAMPLES = 16

export interface TrialInputs {
  runs: Feeds[]
  samples: number
  /** False when the values are made up. */
  real: boolean
}

/**
 * Up to 16 samples of the data, in runs of the model's fixed batch or in one; without data two made-up runs.
 * Throws what reading the data throws.
 */
export async function trialInputs(
  inputs: readonly TensorInfo[],
  calibration: { dataset: Dataset; indices: Uint32Array } | undefined,
): Promise<TrialInputs> {
  const fixed = fixedBatch(inputs)
  const indices = calibration?.indices.subarray(0, Math.max(SAMPLES, fixed ?? 0)) ?? new Uint32Array()
  const size = fixed && fixed > 0 ? fixed : Math.max(1, indices.length)
  if (calibration && indices.length >= size) {
    const runs: Feeds[] = []
    for (let i = 0; i + size <= indices.length; i += size) {
      const { feeds } = await calibration.dataset.batch(indices.subarray(i, i + size))
      runs.push(Object.fromEntries(inputs.map(({ name }) => [name, feeds[name]])) as Feeds)
    }
    return { runs, samples: runs.length * size, real: true }
  }
  const batch = fixed && fixed > 0 ? fixed : 2
  return { runs: [makeFeeds(inputs, batch)], samples: batch, real: false }
}
