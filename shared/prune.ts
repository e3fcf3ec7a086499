/**
 * Pruning as data: the options of its techniques, what a plan would change, and how much each part of a network
 * matters. Every option carries the title and description that form, flags and reference are made from.
 */
import { z } from 'zod'
import { CommonFields } from './training'

// ---------------------------------------------------------------- options

/** How much a channel matters, by whose measure. `pruneNeeds` says which of them look at data. */
export const IMPORTANCES = [
  'l2',
  'l1',
  'bn-scale',
  'taylor',
  'fisher',
  'activation',
  'wanda',
  'random',
] as const
export type Importance = (typeof IMPORTANCES)[number]

/** What groups of channels are: a width of convolutions, of a dense layer inside a block, whole heads, … */
export const GROUP_KINDS = ['channels', 'ffn', 'heads', 'head-width', 'hidden', 'embedding'] as const
export type GroupKind = (typeof GROUP_KINDS)[number]

const { epochs: _, ...training } = CommonFields

/** Options every pruning technique ends with. */
export const RecoveryFields = {
  recovery: z.enum(['distill', 'labels', 'statistics']).default('distill').meta({
    title: 'Recovery',
    description:
      'What brings accuracy back. distill: the pruned model learns to answer as the original does; labels: it is fine-tuned; statistics: biases and batch normalization are estimated anew, without labels or training.',
  }),
  recover: z.number().int().min(0).max(100_000).default(0).meta({
    title: 'Recovery epochs',
    description:
      'How often every training sample is seen after pruning; 0: no training. Statistics need no epochs.',
  }),
  ...training,
}

const amount = z.number().gt(0).lt(1).default(0.5)

const importance = z.enum(IMPORTANCES).default('l2').meta({
  title: 'Importance',
  description:
    'l1, l2: norm of the weights; bn-scale: scale of the normalization; taylor: first-order change of the loss; fisher: its squared gradient; activation: mean size of what the channel gives; wanda: weights times activations; random: the control.',
})

const samples = z.number().int().min(1).max(100_000).default(256).meta({
  title: 'Samples',
  description: 'Samples that importance and sensitivity are measured on.',
})

const exclude = z.array(z.string().min(1)).default([]).meta({
  title: 'Left alone',
  description: 'Groups or nodes that stay as they are: names, with * for any text.',
})

const target = z.enum(['macs', 'parameters', 'bytes', 'latency', 'channels']).default('macs').meta({
  title: 'Target',
  description:
    'What the amount is a share of: multiply-accumulates, parameters, bytes of the file, the latency measured on this machine, or the channels of every group alike.',
})

const steps = z.number().int().min(1).max(64).default(1).meta({
  title: 'Rounds',
  description:
    'Prunes a little, recovers, and again: so many times. Recovery epochs are those of each round.',
})

const structured = {
  amount: amount.meta({
    title: 'Amount',
    description: 'Share to remove of the target: 0.5 of the latency makes it twice as fast.',
  }),
  target,
  importance,
  normalize: z.enum(['mean', 'max', 'l2', 'none']).default('mean').meta({
    title: 'Normalization',
    description: 'How the scores of a group are scaled, so that they compare with those of other groups.',
  }),
  distribution: z.enum(['uniform', 'global', 'sensitivity']).default('uniform').meta({
    title: 'Distribution',
    description:
      'uniform: the same share of every group; global: the least important channels wherever they are; sensitivity: less where removing costs more, as measured.',
  }),
  widths: z
    .array(z.object({ group: z.string().min(1), keep: z.number().gt(0).max(1) }))
    .max(10_000)
    .default([])
    .meta({
      title: 'Shares kept',
      description:
        'Share of the channels that stay in a group, chosen by hand; these groups ignore the amount.',
    }),
  multiple: z.number().int().min(0).max(256).default(0).meta({
    title: 'Multiple',
    description:
      'Channels that stay are rounded to a multiple of this. 0: of what this machine computes fastest, measured.',
  }),
  least: z.number().min(0).max(1).default(0.1).meta({
    title: 'Least share',
    description: 'Share of every group that stays whatever the amount.',
  }),
  exclude,
  steps,
  samples,
  ...RecoveryFields,
}

export const PruneChannelsOptions = z.object({
  ...structured,
  kinds: z
    .array(z.enum(GROUP_KINDS))
    .min(1)
    .default(['channels', 'ffn', 'heads', 'head-width', 'hidden'])
    .meta({
      title: 'Kinds',
      description:
        'Which widths: channels of convolutions, ffn (dense layers inside a block), heads, head-width, hidden (recurrent layers), embedding (the width everything is added to).',
    }),
})
export type PruneChannelsOptions = z.output<typeof PruneChannelsOptions>
export const PruneWidthOptions = z.object(structured)
export type PruneWidthOptions = z.output<typeof PruneWidthOptions>

export const PruneBlocksOptions = z.object({
  amount: amount.meta({ title: 'Amount', description: structured.amount.meta()?.description }),
  target: z.enum(['macs', 'parameters', 'bytes', 'latency', 'blocks']).default('blocks').meta({
    title: 'Target',
    description:
      'What the amount is a share of: blocks that can be removed, multiply-accumulates, parameters, bytes, or measured latency.',
  }),
  importance: z.enum(['similarity', 'measured', 'even', 'random']).default('even').meta({
    title: 'Importance',
    description:
      'similarity: how little a block changes what passes through it; measured: what removing it costs; even: evenly spaced blocks stay; random: the control.',
  }),
  exclude,
  samples,
  ...RecoveryFields,
})
export type PruneBlocksOptions = z.output<typeof PruneBlocksOptions>

export const PruneMagnitudeOptions = z.object({
  amount: amount.meta({ title: 'Amount', description: 'Share of the weights that become zero.' }),
  scope: z.enum(['layer', 'global']).default('layer').meta({
    title: 'Scope',
    description: 'layer: the same share of every layer; global: the smallest weights wherever they are.',
  }),
  score: z.enum(['magnitude', 'wanda']).default('magnitude').meta({
    title: 'Score',
    description: 'magnitude: the size of a weight; wanda: times the norm of what it multiplies, on samples.',
  }),
  exclude,
  steps,
  samples,
  ...RecoveryFields,
})
export type PruneMagnitudeOptions = z.output<typeof PruneMagnitudeOptions>

export const PruneNMOptions = z.object({
  n: z.number().int().min(1).max(64).default(2).meta({
    title: 'N',
    description: 'Weights that stay of every M along the axis that is summed over.',
  }),
  m: z
    .number()
    .int()
    .min(2)
    .max(64)
    .default(4)
    .meta({ title: 'M', description: 'Weights that one pattern is made of.' }),
  score: PruneMagnitudeOptions.shape.score,
  exclude,
  samples,
  ...RecoveryFields,
})
export type PruneNMOptions = z.output<typeof PruneNMOptions>

export const PruneLowRankOptions = z.object({
  amount: amount.meta({ title: 'Amount', description: structured.amount.meta()?.description }),
  target: z.enum(['macs', 'parameters', 'bytes', 'latency', 'rank']).default('macs').meta({
    title: 'Target',
    description:
      'What the amount is a share of: multiply-accumulates, parameters, bytes, measured latency, or the rank of every layer alike.',
  }),
  error: z.enum(['svd', 'activation']).default('svd').meta({
    title: 'Error measured',
    description:
      'svd: least change of the weights; activation: least change of what the layer gives on samples.',
  }),
  distribution: z.enum(['uniform', 'global']).default('global').meta({
    title: 'Distribution',
    description:
      'uniform: the same share of every rank; global: the smallest singular values wherever they are.',
  }),
  exclude,
  samples,
  ...RecoveryFields,
})
export type PruneLowRankOptions = z.output<typeof PruneLowRankOptions>

/** What looks at data, by the option and its values. */
const LOOKS: Readonly<Record<string, readonly string[]>> = {
  importance: ['taylor', 'fisher', 'activation', 'wanda', 'similarity', 'measured'],
  distribution: ['sensitivity'],
  score: ['wanda'],
  error: ['activation'],
}

/** The option that needs data, and whether labelled: null where a technique of pruning makes do with the model. */
export function pruneNeeds(
  options: Readonly<Record<string, unknown>>,
): { option: string; value: string; labels: boolean } | null {
  const { recover, recovery } = options
  if (Number(recover) > 0 || recovery === 'statistics')
    return { option: 'recovery', value: String(recovery ?? 'distill'), labels: recovery === 'labels' }
  for (const [option, values] of Object.entries(LOOKS)) {
    const value = String(options[option])
    if (values.includes(value)) return { option, value, labels: false }
  }
  return null
}

/** Options of recovery alone. */
export type RecoveryOptions = z.output<z.ZodObject<typeof RecoveryFields>>

// ---------------------------------------------------------------- what a plan would do

export const PruneCost = z.object({
  parameters: z.number(),
  /** Multiply-accumulates for one sample. */
  macs: z.number(),
  /** Bytes of the weights. */
  bytes: z.number(),
})
export type PruneCost = z.infer<typeof PruneCost>

/** One thing that a plan makes smaller: a group of channels, a stage of blocks, the rank or the weights of a layer. */
export const PruneChange = z.object({
  id: z.string(),
  kind: z.enum([...GROUP_KINDS, 'blocks', 'rank', 'weights']),
  /** Nodes that make it: as `describeNode` calls them. */
  nodes: z.array(z.string()),
  /** Channels, heads, blocks, ranks or weights before and after; equal where it stays. */
  from: z.number(),
  to: z.number(),
  /** What goes if this alone is changed. */
  frees: PruneCost.pick({ parameters: true, macs: true }),
  /** The share of the model's kernel time that this part takes, times what of it goes; null where not measured. */
  milliseconds: z.number().nullable().default(null),
})
export type PruneChange = z.infer<typeof PruneChange>

/** A part that may not be changed, and why. */
export const PruneDeclined = z.object({ id: z.string(), reason: z.string(), node: z.string().optional() })
export type PruneDeclined = z.infer<typeof PruneDeclined>

/** What plans of every pruning technique hold, besides their own. */
export const PruneDecisions = z.object({
  changes: z.array(PruneChange),
  declined: z.array(PruneDeclined),
  before: PruneCost,
  after: PruneCost,
})
export type PruneDecisions = z.infer<typeof PruneDecisions>

/** What pruning would do, before the job. */
export const PrunePreview = PruneDecisions.extend({
  sizeBytes: z.object({ before: z.number(), after: z.number() }),
  /** Latency relative to the parent, batch 1, measured in turns for a moment; null where it could not be run. */
  latency: z.object({ ratio: z.number(), low: z.number(), high: z.number() }).nullable(),
  notes: z.array(z.string()),
})
export type PrunePreview = z.infer<typeof PrunePreview>

// ---------------------------------------------------------------- sensitivity

/** The model with less of one part, measured on samples. */
export const SensitivityPoint = z.object({
  /** Share that stays, and how many channels that is. */
  keep: z.number(),
  to: z.number(),
  /** The metric of the model so changed. */
  value: z.number(),
  /** Its difference from the whole model, worse is positive, with a 95 % interval over the samples. */
  drop: z.object({ value: z.number(), low: z.number(), high: z.number() }),
})
export type SensitivityPoint = z.infer<typeof SensitivityPoint>

export const SensitivityCurve = z.object({
  id: z.string(),
  kind: PruneChange.shape.kind,
  nodes: z.array(z.string()),
  size: z.number(),
  /** Share of the model's parameters and multiply-accumulates that the whole part takes. */
  parameters: z.number(),
  macs: z.number(),
  /** By share kept, falling. */
  points: z.array(SensitivityPoint),
})
export type SensitivityCurve = z.infer<typeof SensitivityCurve>

/** What each part of a model matters, each measured alone. */
export const PruneSensitivity = z.object({
  /** accuracy on labels; else agreement with the model itself, or the relative distance from its answers. */
  metric: z.enum(['accuracy', 'rmse', 'agreement', 'distance']),
  /** Of the whole model. */
  reference: z.number(),
  samples: z.number(),
  importance: z.enum(IMPORTANCES),
  curves: z.array(SensitivityCurve),
  declined: z.array(PruneDeclined),
  seconds: z.number(),
})
export type PruneSensitivity = z.infer<typeof PruneSensitivity>
