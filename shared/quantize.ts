/**
 * Quantization as data: how much each layer loses in 8 bits and why, what a quantization would do before it is made,
 * and how a search for mixed precision went.
 */
import { z } from 'zod'

// ---------------------------------------------------------------- options

/** How the range of an activation is found. */
export const CALIBRATIONS = ['minmax', 'percentile', 'entropy', 'mse'] as const
export type Calibration = (typeof CALIBRATIONS)[number]

// ---------------------------------------------------------------- sensitivity

/** A difference from the float model, worse is positive, with a 95 % interval over the samples. */
const Drop = z.object({ value: z.number(), low: z.number(), high: z.number() })

/** The model with something of it in 8 bits, measured on samples. */
export const QuantizePoint = z.object({
  /** The metric of the model so changed. */
  value: z.number(),
  drop: Drop,
  /** Signal to noise of its answers against the float model's, in dB; null where they are equal. */
  sqnr: z.number().nullable(),
})
export type QuantizePoint = z.infer<typeof QuantizePoint>

/** A tensor of a layer and how 8 bits fit it. */
export const TensorFit = z.object({
  name: z.string(),
  role: z.enum(['input', 'weight', 'output']),
  min: z.number(),
  max: z.number(),
  /** The largest magnitude over that which 99.9 % of the values stay below: how far outliers stretch the range. */
  outliers: z.number(),
  /** Share of the values beyond the range that is represented. */
  clipped: z.number(),
  /** Signal to noise of the rounded values, in dB; null where nothing is lost. */
  sqnr: z.number().nullable(),
  /** Of weights by output channel: the largest range over the median one. Null for activations. */
  imbalance: z.number().nullable(),
})
export type TensorFit = z.infer<typeof TensorFit>

export const QuantizeLayer = z.object({
  /** First output of the node: what `exclude` and overrides name it by. */
  id: z.string(),
  /** As `describeNode` calls it. */
  node: z.string(),
  op: z.string(),
  /** Share of the model's multiply-accumulates and parameters. */
  macs: z.number(),
  parameters: z.number(),
  /** Kernel time in float, per run of one sample; null where it was not measured. */
  milliseconds: z.number().nullable(),
  /** This layer alone in 8 bits: whole, its weights only, its activations only. Null where it has none. */
  whole: QuantizePoint,
  weights: QuantizePoint.nullable(),
  activations: QuantizePoint.nullable(),
  tensors: z.array(TensorFit),
})
export type QuantizeLayer = z.infer<typeof QuantizeLayer>

/**
 * By how many dB a layer loses more as it runs than by rounding its weights and activations, which are measured with
 * float kernels: much where products saturate, as with U8S8 on processors without VNNI. Null where it cannot be told.
 */
export function kernelLoss({
  whole,
  weights,
  activations,
}: Pick<QuantizeLayer, 'whole' | 'weights' | 'activations'>) {
  if (!weights || !activations || whole.sqnr === null) return null
  const noise = [weights, activations].reduce(
    (sum, { sqnr }) => sum + (sqnr === null ? 0 : 10 ** (-sqnr / 10)),
    0,
  )
  return noise === 0 ? null : -10 * Math.log10(noise) - whole.sqnr
}

/** What each layer of a model loses in 8 bits, each measured alone. */
export const QuantizeSensitivity = z.object({
  /** accuracy on labels; else agreement with the model itself, or the relative distance from its answers. */
  metric: z.enum(['accuracy', 'rmse', 'agreement', 'distance']),
  /** Of the float model. */
  reference: z.number(),
  /** Everything in 8 bits at once. */
  quantized: QuantizePoint,
  /** Samples it is measured on, and samples ranges come from. */
  samples: z.number(),
  calibrated: z.number(),
  /** Options of `quantize.static-int8` it was measured with. */
  options: z.record(z.string(), z.unknown()),
  /** In the order of the graph. */
  layers: z.array(QuantizeLayer),
  declined: z.array(z.object({ id: z.string(), node: z.string(), reason: z.string() })),
  seconds: z.number(),
})
export type QuantizeSensitivity = z.infer<typeof QuantizeSensitivity>

/** Where the values of one tensor lie, and where each calibration would cut. */
export const TensorDetail = TensorFit.extend({
  /** `counts.length` bins of one width from `low` to `high`. */
  histogram: z.object({ low: z.number(), high: z.number(), counts: z.array(z.number()) }),
  /** The range that each calibration represents, and its signal to noise in dB. Weights have minmax alone. */
  ranges: z.array(
    z.object({
      calibration: z.enum(CALIBRATIONS),
      min: z.number(),
      max: z.number(),
      sqnr: z.number().nullable(),
    }),
  ),
  /** Least and largest value of each channel; null where there are none. */
  channels: z.object({ min: z.array(z.number()), max: z.array(z.number()) }).nullable(),
})
export type TensorDetail = z.infer<typeof TensorDetail>

/** Why a layer loses what it loses. */
export const LayerDetail = z.object({
  id: z.string(),
  node: z.string(),
  tensors: z.array(TensorDetail),
  /** In words: what is wrong with it and what helps, the most likely first. */
  findings: z.array(
    z.object({
      message: z.string(),
      fix: z.enum(['exclude', 'wide', 'calibration', 'equalize', 'smooth', 'perChannel', 'none']),
    }),
  ),
})
export type LayerDetail = z.infer<typeof LayerDetail>

// ---------------------------------------------------------------- what a quantization would do

/** Techniques that are tried before they are run: they are made in seconds. */
export const TRIED_BEFOREHAND: readonly string[] = [
  'quantize.static-int8',
  'quantize.dynamic-int8',
  'quantize.weight-int8',
  'quantize.weight-int4',
  'quantize.float16',
]

export const QuantizePreview = z.object({
  sizeBytes: z.object({ before: z.number(), after: z.number() }),
  /** Latency relative to the parent, batch 1, measured in turns for a moment; null where it could not be run. */
  latency: z.object({ ratio: z.number(), low: z.number(), high: z.number() }).nullable(),
  /** Of the parent, and of the quantized model, on the same samples (none of the test split); null where not measured. */
  worth: z
    .object({
      metric: QuantizeSensitivity.shape.metric,
      reference: z.number(),
      quantized: QuantizePoint,
      samples: z.number(),
    })
    .nullable(),
  /** Of static int8: nodes that compute in 8 bits, and their share of the multiply-accumulates. */
  int8: z.object({ nodes: z.number(), macs: z.number() }).nullable(),
  /** What the plan says, and why something could not be measured. */
  notes: z.array(z.string()),
})
export type QuantizePreview = z.infer<typeof QuantizePreview>

// ---------------------------------------------------------------- search

/** One assignment of precisions that a search measured. */
export const SearchTrial = z.object({
  /** Ids of the layers in float, and of those with 16-bit activations. */
  float: z.array(z.string()),
  wide: z.array(z.string()),
  /** Options that differ from those asked for. */
  settings: z.record(z.string(), z.unknown()).optional(),
  value: z.number(),
  drop: Drop,
  /** Latency of one sample; null where not measured. */
  milliseconds: z.number().nullable(),
  sizeBytes: z.number(),
  /** Share of the multiply-accumulates in 8 bits. */
  macs: z.number(),
  /** Within what may be lost. */
  allowed: z.boolean(),
  seconds: z.number(),
})
export type SearchTrial = z.infer<typeof SearchTrial>

/** How a search for mixed precision went: in a plan's decisions under `search`. */
export const QuantizeSearch = z.object({
  metric: QuantizeSensitivity.shape.metric,
  reference: z.number(),
  /** What may be lost of the metric. */
  allowed: z.number(),
  samples: z.number(),
  trials: z.array(SearchTrial),
  /** Place of the best in `trials`. */
  best: z.number(),
  /** Places of those that were the best when they were measured, in their order. */
  improved: z.array(z.number()).optional(),
  ended: z.enum(['finished', 'time']),
})
export type QuantizeSearch = z.infer<typeof QuantizeSearch>

/** The same while it runs, as its job tells it. */
export const LiveSearch = QuantizeSearch.extend({
  /** Null before the first trial. */
  best: z.number().nullable(),
  /** Null while it goes on. */
  ended: QuantizeSearch.shape.ended.nullable(),
  goal: z.enum(['fastest', 'smallest']),
  /** Time that it may take, and the moment it is over at the latest (ISO 8601). */
  minutes: z.number(),
  endsAt: z.string(),
  /** What people know the layers by, by id. */
  labels: z.record(z.string(), z.string()),
})
export type LiveSearch = z.infer<typeof LiveSearch>
