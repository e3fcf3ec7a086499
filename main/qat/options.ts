/** Options and decisions of quantization-aware training. */
import { z } from 'zod'
import { CommonFields, DistillOptions } from '../../shared/training'
import { StaticDecisions, StaticOptions } from '../quantize/static/options'
import { TrainingDecisions } from '../training/decisions'

/** What static int8 quantization is asked for; biases need no correction, for they are trained. */
const Placement = StaticOptions.pick({
  calibration: true,
  percentile: true,
  samples: true,
  weights: true,
  activations: true,
  edges: true,
  perChannel: true,
  format: true,
  symmetric: true,
  reduceRange: true,
  equalize: true,
  embeddings: true,
  operators: true,
  exclude: true,
})

export const QatOptions = z.object({
  learn: z.enum(['distill', 'labels']).default('distill').meta({
    title: 'Learns from',
    description:
      'distill: to answer as the float model does, which needs no labels; labels: from your labelled samples.',
  }),
  scales: z.enum(['learned', 'calibrated']).default('learned').meta({
    title: 'Scales',
    description:
      'learned: trained along with the weights (LSQ); calibrated: those of static int8, measured once.',
  }),
  temperature: DistillOptions.shape.temperature,
  labelWeight: DistillOptions.shape.labelWeight,
  ...Placement.shape,
  // What equalization may cost a balanced network is learnt back; what it mends need not be learnt.
  equalize: StaticOptions.shape.equalize.default(true),
  samples: StaticOptions.shape.samples.meta({
    title: 'Calibration samples',
    description: 'How many of the samples that are learnt from the first scales are measured on.',
  }),
  ...CommonFields,
  epochs: CommonFields.epochs.default(5),
  batch: CommonFields.batch.default(32),
  learningRate: CommonFields.learningRate.meta({
    title: 'Learning rate',
    description:
      'The highest learning rate of the schedule. None: 0.0003 for distillation with Adam, 0.0001 for labels, ten times that for SGD.',
  }),
  weightDecay: CommonFields.weightDecay.default(0),
  batchNorm: CommonFields.batchNorm.default('freeze'),
})
export type QatOptions = z.output<typeof QatOptions>

export const QatDecisions = TrainingDecisions.extend({
  /** Where the float model, the teacher, gives what is compared. */
  teacherLogits: z.string(),
  learnsScales: z.boolean(),
  /** What static int8 quantization decided: places, and the scales that training begins with. */
  quantization: StaticDecisions,
})
export type QatDecisions = z.infer<typeof QatDecisions>

/**
 * The options of static int8 quantization; what it knows beyond is at its default. 4-bit weights begin where their squared
 * error is least: scales that hold the largest weight lie twice too high, and training would first have to get there.
 */
export function placementOptions(options: QatOptions): StaticOptions {
  const weightRange = options.weights === 'int4' ? 'mse' : 'minmax'
  return StaticOptions.parse({ ...Placement.parse(options), weightRange })
}
