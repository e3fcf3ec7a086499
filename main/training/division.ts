/** How samples are divided: what is learnt from, what is held out, how many make a step. */
import { BantamError } from '../../shared/errors'
import type { CommonOptions } from '../../shared/training'
import type { SampleSet } from '../technique'
import { holdOut } from './order'

export interface Division {
  train: Uint32Array
  validation: Uint32Array
  /** Samples per batch and batches per step: what was asked for, or less where there are too few samples. */
  batch: number
  accumulate: number
  stepsPerEpoch: number
}

/**
 * Divides the samples by the options. `fixed` is the number of samples that the net takes at a time, null when it is
 * free. What does not fill a last step is left out of an epoch, another part each time.
 * Throws `bad-data` when there are too few samples, or all are of one class.
 */
export function divide(
  { dataset, indices }: SampleSet,
  options: CommonOptions,
  seed: number,
  fixed: number | null,
): Division {
  const { task, classes, spec } = dataset.summary
  const where = spec.source
  if (indices.length < 2) {
    throw new BantamError('bad-data', `There are ${indices.length} samples to learn from.`, {
      where,
      action: 'Give more data, or a split with a larger train share.',
    })
  }
  const labels = task === 'classification' ? dataset.labels(indices) : undefined
  if (labels?.every(label => label === labels[0])) {
    const name = classes[labels[0] ?? 0] ?? String(labels[0])
    throw new BantamError('bad-data', `All samples to learn from are of one class, ${name}.`, {
      where,
      action: 'Give samples of every class.',
    })
  }
  const { train, validation } = holdOut(indices, options.validation, seed, labels)
  const batch = fixed ?? Math.min(options.batch, train.length)
  if (train.length < batch) {
    throw new BantamError(
      'bad-data',
      `The model takes ${batch} samples at a time; there are ${train.length} to learn from.`,
      { where, action: 'Give more data.' },
    )
  }
  const accumulate = Math.max(1, Math.min(options.accumulate, Math.floor(train.length / batch)))
  // The held-out samples are asked for in batches as well: of a fixed size, the rest would not fit.
  const held = fixed ? validation.subarray(0, validation.length - (validation.length % fixed)) : validation
  return {
    train,
    validation: held.slice(),
    batch,
    accumulate,
    stepsPerEpoch: Math.floor(train.length / (batch * accumulate)),
  }
}
