/** Whose answers to which samples are wanted. */
import type { Device, SplitName } from '../../shared/domain'
import type { Dataset } from '../data/dataset'

export interface CollectRequest {
  model: string
  hash: string
  dataset: Dataset
  split: SplitName
  /** Samples to run, in this order; the whole split without. */
  indices?: ArrayLike<number> | undefined
  device?: Device | undefined
  threads?: number | undefined
}
