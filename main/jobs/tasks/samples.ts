/** Which samples of a dataset a technique is given. */
import { BantamError } from '../../../shared/errors'
import type { Dataset } from '../../data/dataset'
import type { SampleSet } from '../../technique'

/** Calibration samples, else those to train on, never of the test split; undefined where there are none. */
export function calibrationSamples(dataset: Dataset | null): SampleSet | undefined {
  return samplesOf(dataset, 'calibration') ?? samplesOf(dataset, 'train')
}

/** `calibrationSamples`. Throws `bad-data` where there are none. */
export function requireCalibration(dataset: Dataset): SampleSet {
  const found = calibrationSamples(dataset)
  if (found) return found
  throw new BantamError('bad-data', 'All samples are for testing; none is left to measure on.', {
    where: dataset.summary.spec.source,
    action: 'Import the data with a smaller share for testing.',
  })
}

/** The samples of a split; undefined where there are none. */
export function samplesOf(dataset: Dataset | null, split: 'calibration' | 'train'): SampleSet | undefined {
  const indices = dataset?.indices(split)
  return dataset && indices && indices.length > 0 ? { dataset, indices } : undefined
}
