/**
 * Training as data: losses, options of fine-tuning and distillation, and what a run reports while it goes on. Every
 * field carries the title and description that form, flags and reference are made from.
 */
import { z } from 'zod'
import { TensorInfo } from './tensor'

// ---------------------------------------------------------------- losses

const weight = z.number().min(0).max(1e6).default(1)
const temperature = z.number().positive().max(100).default(4)

/** Losses of a model's output against labels or targets. */
export const HardLoss = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('cross-entropy'),
    weight,
    smoothing: z.number().min(0).lt(1).default(0),
    /** One per class; all equal when absent. */
    classWeights: z.array(z.number().min(0)).optional(),
  }),
  z.object({ kind: z.literal('binary-cross-entropy'), weight }),
  z.object({ kind: z.literal('mse'), weight }),
  z.object({ kind: z.literal('huber'), weight, delta: z.number().positive().default(1) }),
])
export type HardLoss = z.infer<typeof HardLoss>

/** Losses of a student's outputs against its teacher's (response-based distillation). */
export const ResponseLoss = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('kd'), weight, temperature }),
  z.object({ kind: z.literal('logits-mse'), weight }),
  z.object({
    kind: z.literal('dkd'),
    weight,
    temperature,
    alpha: z.number().min(0).default(1),
    beta: z.number().min(0).default(8),
  }),
])
export type ResponseLoss = z.infer<typeof ResponseLoss>

/** Losses of a value inside the student against one inside the teacher (feature and relation distillation). */
export const FEATURE_LOSSES = [
  'hint',
  'attention',
  'attention-matrix',
  'value-relation',
  'similarity',
  'relational',
] as const
export const FeatureLoss = z.object({
  kind: z.enum(FEATURE_LOSSES),
  /** Names of values in the two graphs. */
  student: z.string().min(1),
  teacher: z.string().min(1),
  weight,
})
export type FeatureLoss = z.infer<typeof FeatureLoss>

/** Any part of a training loss. */
export type LossSpec = HardLoss | ResponseLoss | FeatureLoss

// ---------------------------------------------------------------- options

export const AUGMENTATIONS = ['shift', 'flip', 'crop', 'rotate', 'cutout', 'token-dropout'] as const
export type Augmentation = (typeof AUGMENTATIONS)[number]

/** What everything that trains has in common, in the order a form shows it. */
export const CommonFields = {
  epochs: z.number().int().min(1).max(100_000).default(10).meta({
    title: 'Epochs',
    description: 'How often every training sample is seen.',
  }),
  batch: z.number().int().min(1).max(65536).default(64).meta({
    title: 'Batch size',
    description: 'Samples that one batch is made of.',
  }),
  learningRate: z.number().positive().max(100).nullable().default(null).meta({
    title: 'Learning rate',
    description:
      'The highest learning rate of the schedule. None: 0.001 for a new student with Adam, 0.0003 for fine-tuning, ten times that for SGD.',
  }),
  optimizer: z.enum(['adamw', 'adam', 'sgd']).default('adamw').meta({
    title: 'Optimizer',
    description: 'AdamW (decoupled weight decay), Adam, or SGD with momentum.',
  }),
  schedule: z.enum(['cosine', 'one-cycle', 'step', 'constant']).default('cosine').meta({
    title: 'Schedule',
    description:
      'How the learning rate goes down: half a cosine, one cycle, to a tenth at 50 % and 75 %, or not at all.',
  }),
  warmup: z.number().min(0).max(1).default(0.05).meta({
    title: 'Warm-up',
    description: 'Share of the steps over which the learning rate rises from zero.',
  }),
  weightDecay: z.number().min(0).max(10).default(0.01).meta({
    title: 'Weight decay',
    description: 'Pulls matrices and kernels towards zero; biases and normalizations are spared.',
  }),
  momentum: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .meta({ title: 'Momentum', description: 'Share of the step before that SGD keeps.' }),
  clip: z.number().min(0).max(1e6).default(1).meta({
    title: 'Gradient clipping',
    description: 'Largest norm of all gradients together; 0 turns it off.',
  }),
  accumulate: z.number().int().min(1).max(1024).default(1).meta({
    title: 'Batches per step',
    description:
      'Gradients of so many batches are averaged before the weights change: a larger batch in less memory.',
  }),
  ema: z.number().min(0).lt(1).default(0).meta({
    title: 'Averaged weights',
    description:
      'Keeps an exponential moving average of the weights with this decay, such as 0.999; 0 turns it off.',
  }),
  augment: z.array(z.enum(AUGMENTATIONS)).default([]).meta({
    title: 'Augmentation',
    description:
      'Random changes of the training samples: shift, flip, crop, rotate and cutout for pictures, token-dropout for text.',
  }),
  mixup: z.number().min(0).max(10).default(0).meta({
    title: 'Mixup',
    description: 'Mixes pairs of samples and their labels, the share drawn from Beta(a, a); 0 turns it off.',
  }),
  labelSmoothing: z.number().min(0).lt(1).default(0).meta({
    title: 'Label smoothing',
    description: 'Share of the label spread over all classes.',
  }),
  classWeights: z.enum(['none', 'balanced']).default('none').meta({
    title: 'Class weights',
    description: 'Balanced: rare classes count as much as frequent ones.',
  }),
  validation: z.number().min(0).max(0.9).default(0.1).meta({
    title: 'Validation share',
    description:
      'Share of the training samples held out to choose the best epoch by. 0: the last epoch is kept.',
  }),
  patience: z.number().int().min(0).max(100_000).default(0).meta({
    title: 'Patience',
    description: 'Stops after so many epochs without a better validation; 0 never stops early.',
  }),
  freeze: z.array(z.string().min(1)).default([]).meta({
    title: 'Frozen weights',
    description: 'Weights that do not change: names, with * for any text, or first:N for the first N layers.',
  }),
  batchNorm: z.enum(['train', 'freeze']).default('train').meta({
    title: 'Batch normalization',
    description:
      'Train: normalize by the batch and update the running statistics. Freeze: keep the statistics.',
  }),
  lossScale: z
    .number()
    .min(0)
    .max(2 ** 24)
    .default(0)
    .meta({
      title: 'Loss scale',
      description:
        'Multiplies the loss before differentiation, halved when gradients overflow: for devices that compute in half precision. 0 turns it off.',
    }),
}

export const TrainOptions = z.object({
  loss: z.enum(['auto', 'cross-entropy', 'binary-cross-entropy', 'mse', 'huber']).default('auto').meta({
    title: 'Loss',
    description: 'Auto: cross entropy for classes, binary cross entropy for one logit, MSE for numbers.',
  }),
  ...CommonFields,
  epochs: CommonFields.epochs.default(5),
})
export type TrainOptions = z.output<typeof TrainOptions>

export const DistillOptions = z.object({
  student: z.string().min(1).default('slim:0.5').meta({
    title: 'Student',
    description:
      'slim:R scales every hidden width by R, depth:N keeps N blocks of each stage, both may be joined by a comma; or an ONNX file with the same inputs and outputs.',
  }),
  init: z.enum(['teacher', 'random']).default('teacher').meta({
    title: 'Initial weights',
    description: 'Sliced from the teacher by importance, or random.',
  }),
  loss: z.enum(['kd', 'dkd', 'logits-mse', 'none']).default('kd').meta({
    title: 'Distillation loss',
    description:
      'kd: softened answers (Hinton 2015); dkd: decoupled (Zhao 2022); logits-mse: the raw answers; none: learn from labels alone.',
  }),
  temperature: temperature.meta({ title: 'Temperature', description: 'Softens the answers of kd and dkd.' }),
  labelWeight: z.number().min(0).max(1).default(0.1).meta({
    title: 'Label weight',
    description:
      'Share of the loss against labels; the rest is the distillation loss. Without labels it is 0.',
  }),
  features: z.array(FeatureLoss).max(64).default([]).meta({
    title: 'Feature losses',
    description: 'Values inside the two graphs that are to agree, with the loss that compares them.',
  }),
  teachers: z.array(z.string().min(1)).max(8).default([]).meta({
    title: 'Further teachers',
    description: 'ONNX files whose answers are learnt from as well, with equal weight.',
  }),
  ...CommonFields,
})
export type DistillOptions = z.output<typeof DistillOptions>

/** Options of both. */
export type CommonOptions = Omit<TrainOptions, 'loss'>

// ---------------------------------------------------------------- a run

/** One point of the live curves: means over the steps since the point before. */
export const TrainingPoint = z.object({
  step: z.number(),
  /** Epochs done, with fraction. */
  epoch: z.number(),
  loss: z.number(),
  /** By the names in `TrainingRecord.parts`, already weighted. */
  parts: z.array(z.number()),
  learningRate: z.number(),
  gradientNorm: z.number(),
})
export type TrainingPoint = z.infer<typeof TrainingPoint>

export const TrainingEpoch = z.object({
  /** From 1 on. */
  epoch: z.number(),
  loss: z.number(),
  /** Of the held-out samples; null without any. */
  validation: z.object({ loss: z.number().nullable(), metric: z.number() }).nullable(),
  seconds: z.number(),
  samplesPerSecond: z.number(),
})
export type TrainingEpoch = z.infer<typeof TrainingEpoch>

/** Everything that is told of a run, while it goes on and afterwards. */
export const TrainingRecord = z.object({
  technique: z.string(),
  /** Loss parts in the order of `TrainingPoint.parts`: 'labels', 'kd', 'hint conv3 → conv1' … */
  parts: z.array(z.string()),
  metric: z.object({ name: z.string(), title: z.string(), higherIsBetter: z.boolean() }),
  /** The same measure of the teacher on the same held-out samples; null where there is none. */
  teacher: z.number().nullable(),
  totalEpochs: z.number(),
  stepsPerEpoch: z.number(),
  samples: z.object({ train: z.number(), validation: z.number() }),
  trainableParameters: z.number(),
  /** At most some 600, evenly spaced. */
  points: z.array(TrainingPoint),
  epochs: z.array(TrainingEpoch),
  best: z.object({ epoch: z.number(), metric: z.number() }).nullable(),
  samplesPerSecond: z.number(),
  device: z.string(),
  /** Why it ended: null while it goes on. */
  ended: z.enum(['done', 'early', 'asked', 'diverged']).nullable(),
  notes: z.array(z.string()),
})
export type TrainingRecord = z.infer<typeof TrainingRecord>

// ---------------------------------------------------------------- choosing a student

/** What a student would be, before it is trained. */
export const StudentPreview = z.object({
  student: z.string(),
  parameters: z.number(),
  macs: z.number(),
  sizeBytes: z.number(),
  teacher: z.object({ parameters: z.number(), macs: z.number(), sizeBytes: z.number() }),
  /** Latency relative to the teacher, batch 1, measured in turns for a moment; null where it could not be run. */
  latency: z.object({ ratio: z.number(), low: z.number(), high: z.number() }).nullable(),
  notes: z.array(z.string()),
})
export type StudentPreview = z.infer<typeof StudentPreview>

/** A node of a graph as the screen draws it. */
export const GraphNode = z.object({
  id: z.string(),
  op: z.string(),
  name: z.string(),
  /** Names of values; constants are left out. */
  inputs: z.array(z.string()),
  outputs: z.array(TensorInfo),
  parameters: z.number(),
  /** Losses that can compare its first output; empty for values that carry no features. */
  losses: z.array(z.enum(FEATURE_LOSSES)),
})
export type GraphNode = z.infer<typeof GraphNode>
export const GraphView = z.object({
  nodes: z.array(GraphNode),
  inputs: z.array(TensorInfo),
  outputs: z.array(TensorInfo),
})
export type GraphView = z.infer<typeof GraphView>

/** A pair of values that are alike, best first. */
export const SuggestedPair = z.object({
  kind: z.enum(FEATURE_LOSSES),
  teacher: z.string(),
  student: z.string(),
  /** Linear CKA over some samples, 0 … 1; null without data: then shape and place alone speak for the pair. */
  similarity: z.number().nullable(),
  /** True when the widths differ, so that a projector is learnt along. */
  projector: z.boolean(),
})
export type SuggestedPair = z.infer<typeof SuggestedPair>
