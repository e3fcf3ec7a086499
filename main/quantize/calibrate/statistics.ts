/**
 * What is known of activations on samples, kept so that another calibration, other exclusions or a look at one layer
 * runs no model: the exact range of every value and two histograms of it.
 */
import { createHash } from 'node:crypto'
import type { Note } from '../../../shared/domain'
import type { Dataset } from '../../data/dataset'
import type { Model } from '../../onnx/model'
import { serialize } from '../../onnx/write'
import type { Range } from '../affine'
import type { Histogram } from './histogram'

/** What a histogram counts: |x| from 0 to the largest magnitude, or x but for zeros, symmetric about zero. */
export type Counted = 'magnitudes' | 'nonzero'

export interface ValueStatistics {
  /** The exact least and largest value; 0 to 0 where there was none. */
  range: Range
  /** Elements for one sample, at most; 0 where the value was empty on every sample. */
  perSample: number
  /** Absent where nothing was counted: not asked for, or all is zero. */
  histograms: Partial<Record<Counted, Histogram>>
}

export interface CollectedStatistics {
  /** Samples that were really run. */
  samples: number
  values: ReadonlyMap<string, ValueStatistics>
  notes: readonly Note[]
}

/** Statistics by key (`statisticsKey`). What cannot be read again is as if it was never put. */
export interface StatisticsStore {
  get(key: string): Promise<CollectedStatistics | undefined>
  put(key: string, statistics: CollectedStatistics): Promise<void>
}

/** The ones used last, at most `limit`. */
export function memoryStore(limit = 4): StatisticsStore {
  const kept = new Map<string, CollectedStatistics>()
  const touch = (key: string, statistics: CollectedStatistics) => {
    kept.delete(key)
    kept.set(key, statistics)
    for (const old of [...kept.keys()].slice(0, Math.max(0, kept.size - limit))) kept.delete(old)
  }
  return {
    async get(key) {
      const found = kept.get(key)
      if (found) touch(key, found)
      return found
    },
    async put(key, statistics) {
      touch(key, statistics)
    },
  }
}

const digests = new WeakMap<Model, string>()

/**
 * Names statistics of a model as it is run (prepared: simplified, equalized, …) on samples of a dataset, counted in so
 * many bins. The model must not be edited afterwards.
 */
export function statisticsKey(model: Model, dataset: Dataset, indices: Uint32Array, bins: number): string {
  const { hash, spec } = dataset.summary
  const hasher = createHash('sha256')
  hasher.update(JSON.stringify([FORM, modelDigest(model), hash, spec, bins]))
  hasher.update(new Uint8Array(indices.buffer, indices.byteOffset, indices.byteLength))
  return hasher.digest('hex')
}

/** Counts up when what is collected changes. */
const FORM = 1

/** Hash of the model's bytes; of weights in files, of where they lie. */
function modelDigest(model: Model): string {
  let digest = digests.get(model)
  if (!digest) {
    digest = createHash('sha256')
      .update(model.directory ?? '')
      .update(serialize(model))
      .digest('hex')
    digests.set(model, digest)
  }
  return digest
}
