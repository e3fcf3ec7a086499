/** What a plan of training holds: everything that was chosen, so that the run can be made again. */
import { z } from 'zod'
import { DatasetSpec, Device, type Note, SplitName } from '../../shared/domain'
import type { CommonOptions } from '../../shared/training'
import { fixedBatch } from '../measure/inputs'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { tensorDims } from '../onnx/tensor'
import { elementCount } from '../runtime/tensor'
import type { PlanInput, SampleSet } from '../technique'
import { makeAugmenter } from './augment'
import { divide } from './division'
import { processor } from './machine'
import type { MetricKind } from './metric'
import type { Objective } from './objective'

export const TrainingDecisions = z.object({
  /** Samples learnt from and held out. */
  samples: z.number().int(),
  validation: z.number().int(),
  batch: z.number().int(),
  stepsPerEpoch: z.number().int(),
  steps: z.number().int(),
  learningRate: z.number(),
  /** What people call the parts of the loss. */
  losses: z.array(z.string()),
  metric: z.enum(['accuracy', 'rmse', 'agreement', 'distance']),
  /** Value of the net that answers are read from. */
  logits: z.string(),
  trainableParameters: z.number().int(),
  threads: z.number().int(),
  /** Asked for; the one that computed is in the training's record, which falls back to the processor. */
  device: Device,
  /** The processor the plan was made on: with another one, the weights may end up a little different. */
  processor: z.string(),
  /** How the data was read. */
  data: DatasetSpec,
  /** Which of its samples were there to learn from: a split, or where they are none, their indices. */
  from: z.union([SplitName, z.array(z.number().int().min(0))]),
})
export type TrainingDecisions = z.infer<typeof TrainingDecisions>

export interface Chosen {
  input: PlanInput
  training: SampleSet
  options: CommonOptions
  /** The net that is trained. */
  net: Model
  /** Highest learning rate with Adam where nobody chose one. */
  rate: number
  objective: Objective
  wrt: readonly string[]
  logits: string
  metric: MetricKind
}

/** Makes the decisions, and refuses what would fail later: augmentations that do not fit, too few samples. */
export function decide(chosen: Chosen): TrainingDecisions {
  const { input, training, options, net, rate, objective, wrt, logits, metric } = chosen
  const { dataset } = training
  makeAugmenter(options.augment, dataset.summary.inputs)
  const division = divide(training, options, input.seed, fixedBatch(modelInputs(net)))
  const own = wrt.filter(name => !objective.projectors.includes(name))
  return {
    samples: division.train.length,
    validation: division.validation.length,
    batch: division.batch * division.accumulate,
    stepsPerEpoch: division.stepsPerEpoch,
    steps: division.stepsPerEpoch * options.epochs,
    learningRate: options.learningRate ?? (options.optimizer === 'sgd' ? 10 * rate : rate),
    losses: objective.parts.map(part => part.title),
    metric,
    logits,
    trainableParameters: own.reduce((sum, name) => {
      const tensor = objective.model.graph.initializer(name)
      return sum + (tensor ? elementCount(tensorDims(tensor)) : 0)
    }, 0),
    threads: input.threads,
    device: input.device ?? 'cpu',
    processor: processor(),
    data: dataset.summary.spec,
    from: splitOf(training),
  }
}

/** What a plan says of its device: whether it computes rightly shows only when the training begins. */
export function deviceNotes(device: Device | undefined): Note[] {
  if (device === undefined || device === 'cpu') return []
  const message = `The training is tried on ${device} with a first batch. Where its gradients are not those of the processor, it runs on the processor; the record of the training names the device.`
  return [{ code: 'device-tried', severity: 'info', message }]
}

/** The split that the samples are; their indices when they are none of them. */
export function splitOf({ dataset, indices }: SampleSet): TrainingDecisions['from'] {
  const same = (other: Uint32Array) =>
    other.length === indices.length && other.every((index, i) => index === indices[i])
  // A split may be all there is: then the narrower name says more.
  const order = ['train', 'calibration', 'test', 'all'] as const
  return order.find(split => same(dataset.indices(split))) ?? Array.from(indices)
}
