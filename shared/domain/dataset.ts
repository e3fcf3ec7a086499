/** Samples: how they are opened, split and shown. */
import { z } from 'zod'
import { TensorInfo } from '../tensor'
import { Note } from './note'
import { Preprocessing } from './preprocessing'

export const SplitOptions = z.object({
  seed: z.number().int().default(0),
  /** Fractions of the samples; the rest is not used. calibration is drawn from outside the test split. */
  train: z.number().min(0).max(1).default(0.6),
  calibration: z.number().min(0).max(1).default(0.1),
  test: z.number().min(0).max(1).default(0.3),
})
export type SplitOptions = z.infer<typeof SplitOptions>

export const SplitName = z.enum(['all', 'train', 'calibration', 'test'])
export type SplitName = z.infer<typeof SplitName>

/** Everything needed to open a dataset again. `source` is DATA of the command line (path, sample:digits, #a:b). */
export const DatasetSpec = z.object({
  source: z.string(),
  /** Model input name → array name (npz) or column names (tables). Empty: by equal names, else by order. */
  inputs: z.record(z.string(), z.array(z.string())).default({}),
  /** Array or column that holds the labels; null: no labels; undefined: found by the usual names. */
  labels: z.string().nullable().optional(),
  task: z.enum(['classification', 'regression', 'none']).optional(),
  preprocessing: Preprocessing.optional(),
  split: SplitOptions.default({ seed: 0, train: 0.6, calibration: 0.1, test: 0.3 }),
})
export type DatasetSpec = z.infer<typeof DatasetSpec>

export const DatasetSummary = z.object({
  spec: DatasetSpec,
  /** Identity of the data and how it is read. */
  hash: z.string(),
  format: z.enum(['images', 'npz', 'npy', 'idx', 'csv', 'jsonl', 'parquet', 'txt']),
  count: z.number(),
  /** What one sample feeds, without the batch axis. */
  inputs: z.array(TensorInfo),
  task: z.enum(['classification', 'regression', 'none']),
  classes: z.array(z.string()),
  /** Samples per class, in the order of `classes`. */
  classCounts: z.array(z.number()),
  splits: z.object({ train: z.number(), calibration: z.number(), test: z.number() }),
  notes: z.array(Note),
})
export type DatasetSummary = z.infer<typeof DatasetSummary>

/** What a dataset's source offers before choices are made: for the import form. */
export const DataProbe = z.object({
  format: DatasetSummary.shape.format,
  count: z.number(),
  /** Arrays or columns: name, type, shape without the sample axis. */
  fields: z.array(TensorInfo),
  classes: z.array(z.string()),
  /** The specification Bantam would use, given the model's inputs. */
  suggestion: DatasetSpec,
  notes: z.array(Note),
})
export type DataProbe = z.infer<typeof DataProbe>

/** A sample of text as the model sees it. */
export const TextPreview = z.object({
  /** The text, or both of a pair; the beginning of long ones. */
  texts: z.array(z.string()),
  /** The first tokens with their numbers, padding left out. */
  tokens: z.array(z.object({ text: z.string(), id: z.number() })),
  /** Tokens of the whole text, special ones included, and how many of them are fed. */
  length: z.number(),
  fed: z.number(),
  /** Lengths of some samples of the data: how many were read, and how many are longer than the model sees. */
  lengths: z.object({
    samples: z.number(),
    cut: z.number(),
    /** Samples per bin of equal width from 0 to `longest`. */
    bins: z.array(z.number()),
    longest: z.number(),
    maxLength: z.number(),
  }),
})
export type TextPreview = z.infer<typeof TextPreview>

/** One sample, raw and as the model sees it. Image is a PNG data URL when the sample is one. */
export const SamplePreview = z.object({
  index: z.number(),
  label: z.string().nullable(),
  image: z.string().nullable(),
  /** The first picture-shaped tensor after preprocessing as a PNG data URL: its min is black, its max is white. */
  seen: z.string().nullable(),
  /** Present when the sample is text. */
  text: TextPreview.optional(),
  tensors: z.array(
    TensorInfo.extend({ min: z.number(), max: z.number(), mean: z.number(), head: z.array(z.number()) }),
  ),
})
export type SamplePreview = z.infer<typeof SamplePreview>
