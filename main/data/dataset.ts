/** A dataset as the engine sees it: samples by index, already preprocessed, read when asked for. */
import type { DatasetSummary, SamplePreview } from '../../shared/domain'
import type { Tensor } from '../runtime/tensor'

export interface Batch {
  /** Model input name → tensor whose first axis is the batch. */
  feeds: Record<string, Tensor>
  /** Class indices (classification) or target values (regression), one per sample; absent without labels. */
  labels?: Float64Array
}

export interface Dataset {
  readonly summary: DatasetSummary
  /** Reads the given samples. Memory used does not depend on the size of the dataset. Throws `bad-data` naming the sample. */
  batch(indices: ArrayLike<number>): Promise<Batch>
  /** Class indices or target values of the samples, without reading what they feed; undefined without labels. */
  labels(indices: ArrayLike<number>): Float64Array | undefined
  preview(index: number): Promise<SamplePreview>
  /** PNG of the raw sample when it is a picture (or a [1|3,H,W] / [H,W] array that looks like one), else null. */
  picture(index: number): Promise<Uint8Array | null>
  /** Texts of a sample for a person to read, the beginning of long ones; null when its samples are no text. */
  texts?(index: number): string[] | null
  /**
   * What a sample of text is: bytes that are equal for equal tokens whatever the batch, tokens it has, tokens fed.
   * Null when its samples are no text. Throws `bad-data` naming the sample.
   */
  tokens?(index: number): { print: Uint8Array; length: number; fed: number } | null
  /** Number of the text that a sample is a window of; absent where samples are no windows. */
  document?(index: number): number
  /** Sample indices of a split, fixed by the specification's seed. */
  indices(split: 'all' | 'train' | 'calibration' | 'test'): Uint32Array
  close(): Promise<void>
}
