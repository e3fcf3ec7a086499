/** How well a model answers, with intervals. */
import { z } from 'zod'
import { SplitName } from './dataset'
import { Note } from './note'

/** A number with its 95 % interval; low and high are absent where an interval has no meaning. */
export const Measured = z.object({
  value: z.number(),
  low: z.number().optional(),
  high: z.number().optional(),
})
export type Measured = z.infer<typeof Measured>

/** A paired difference (model minus reference) on the same samples. */
export const Difference = z.object({
  metric: z.string(),
  value: z.number(),
  low: z.number(),
  high: z.number(),
  /** Two-sided p value: exact McNemar for accuracy, paired bootstrap otherwise. */
  p: z.number(),
  test: z.string(),
  /** True when the interval excludes zero. */
  shown: z.boolean(),
})
export type Difference = z.infer<typeof Difference>

/** Agreement of one output with the reference's, over all samples. */
export const Agreement = z.object({
  output: z.string(),
  cosine: z.number(),
  maxAbs: z.number(),
  /** Signal to quantization noise ratio in dB; null where the outputs are identical. */
  sqnr: z.number().nullable(),
  /** Mean KL(reference ‖ model) in nats where the output is a distribution or logits. */
  kl: z.number().optional(),
  /** Share of samples with the same arg max, where the output is a distribution or logits. */
  top1: z.number().optional(),
})
export type Agreement = z.infer<typeof Agreement>

export const PerClass = z.object({
  name: z.string(),
  count: z.number(),
  precision: z.number(),
  recall: z.number(),
  f1: z.number(),
})
export type PerClass = z.infer<typeof PerClass>

export const Evaluation = z.object({
  model: z.string(),
  data: z.object({ hash: z.string(), source: z.string(), split: SplitName, count: z.number() }),
  /** language: next tokens of unlabelled text. */
  task: z.enum(['classification', 'regression', 'none', 'language']),
  /**
   * Keys of the metric catalogue: accuracy, top5, balancedAccuracy, macroF1, logLoss, ece, mae, rmse, r2, perplexity,
   * bitsPerToken, nextToken.
   */
  metrics: z.record(z.string(), Measured),
  perClass: z.array(PerClass).default([]),
  /** confusion[actual][predicted], in the order of perClass. */
  confusion: z.array(z.array(z.number())).default([]),
  reference: z.string().optional(),
  agreement: z.array(Agreement).default([]),
  /** First entry is the task's main metric. */
  differences: z.array(Difference).default([]),
  seconds: z.number(),
  notes: z.array(Note).default([]),
})
export type Evaluation = z.infer<typeof Evaluation>
