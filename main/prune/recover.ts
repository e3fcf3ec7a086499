/**
 * What brings accuracy back after a model was made smaller: the pruned model learns to answer as the original does
 * (distillation, Hinton 2015), is fine-tuned on labels, or has its statistics estimated anew (statistics.ts).
 */
import { z } from 'zod'
import type { Note } from '../../shared/domain'
import { DatasetSpec, SplitName } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { RecoveryOptions } from '../../shared/prune'
import { type CommonOptions, DistillOptions, TrainOptions } from '../../shared/training'
import { trainable } from '../autodiff/trainable'
import { studentTask } from '../distill/objective'
import type { TaskContext } from '../jobs/context'
import type { Model } from '../onnx/model'
import type { ApplyInput, PlanInput, SampleSet } from '../technique'
import { type Chosen, decide, deviceNotes, splitOf, TrainingDecisions } from '../training/decisions'
import { labelObjective } from '../training/fine-tune'
import { withoutFrozen } from '../training/freeze'
import { learn } from '../training/learn'
import { processor } from '../training/machine'
import { trainableNet } from '../training/net'
import { foldHeld, type Hold, holdZeros, isHeldMask } from './hold'
import { reestimate } from './statistics'

/** The highest learning rate with Adam where nobody chooses. */
const RATE = { distill: 1e-3, labels: 3e-4 }

/** What a plan holds of a recovery without training: the samples it looks at. */
export const StatisticsDecisions = z.object({
  data: DatasetSpec,
  from: z.union([SplitName, z.array(z.number().int().min(0))]),
  threads: z.number().int(),
  processor: z.string(),
})

/** True when applying needs data to learn from: for `Technique.learns`. */
export function learnsBack(options: RecoveryOptions): boolean {
  return options.recover > 0 || options.recovery === 'statistics'
}

/** True when recovery is a training. */
export function trainsBack(options: RecoveryOptions): boolean {
  return options.recover > 0 && options.recovery !== 'statistics'
}

/**
 * What a plan says of recovery; nothing where there is none. `pruned` is the model that will be recovered, or one with
 * its shapes. Throws `bad-data` without samples to learn from, and what the objective throws.
 */
export async function decideRecovery(
  input: PlanInput,
  pruned: Model,
  options: RecoveryOptions,
): Promise<{ decisions: Record<string, unknown>; notes: Note[] }> {
  if (!learnsBack(options)) return { decisions: {}, notes: [] }
  const training = requireSamples(input.training)
  if (!trainsBack(options)) {
    const { spec } = training.dataset.summary
    return {
      decisions: { data: spec, from: splitOf(training), threads: input.threads, processor: processor() },
      notes: [],
    }
  }
  const made = await objectiveFor(pruned, input.model, training, options, input.seed)
  const common = commonOptions(options)
  const chosen: Chosen = {
    ...{ input, training, options: common, net: made.net, objective: made.objective, wrt: made.wrt },
    ...{ rate: made.rate, logits: made.logits.student, metric: made.metric },
  }
  const decisions = { ...decide(chosen), teacherLogits: made.logits.teacher }
  return { decisions, notes: [...made.notes, ...deviceNotes(input.device)] }
}

export interface RecoverInput {
  technique: string
  pruned: Model
  /** The model it was made from: the teacher, and what statistics are compared with. */
  original: Model
  options: RecoveryOptions
  /** `decisions` of the plan. */
  decisions: Record<string, unknown>
  seed: number
  run: ApplyInput | undefined
  /** Channels of the original that the value of the same name still has; null: all. */
  kept?: (value: string) => Uint32Array | null
  /** Weights whose zeros stay. */
  hold?: Hold
}

/**
 * The pruned model with its accuracy brought back as the options say; itself where they say nothing. Throws what
 * training throws.
 */
export async function recover(input: RecoverInput, context?: TaskContext): Promise<Model> {
  const { pruned, original, options, run, seed } = input
  if (!learnsBack(options)) return pruned
  if (!run) throw new BantamError('internal', 'A recovery was started without data.')
  const training = requireSamples(run.training)
  const told = context ?? run.context
  if (!trainsBack(options)) {
    const { threads } = StatisticsDecisions.parse(input.decisions)
    const kept = input.kept ? { kept: input.kept } : {}
    const changed = await reestimate({ pruned, original, samples: training, threads, ...kept }, told)
    return input.hold ? foldHeld(changed, input.hold) : changed
  }
  const decisions = TrainingDecisions.extend({ teacherLogits: z.string() }).parse(input.decisions)
  const held = input.hold ? holdZeros(pruned, input.hold) : pruned
  const made = await objectiveFor(held, original, training, options, seed)
  const trained = await learn(
    {
      technique: input.technique,
      net: made.net,
      logits: decisions.logits,
      metric: decisions.metric,
      objective: made.objective,
      wrt: made.wrt,
      options: commonOptions(options),
      learningRate: decisions.learningRate,
      seed,
      threads: decisions.threads,
      device: decisions.device,
      training,
      teachers: made.teachers.map(model => ({ model, logits: decisions.teacherLogits })),
    },
    told,
  )
  run.record(trained.record)
  return input.hold ? foldHeld(trained.model, input.hold) : trained.model
}

function requireSamples(training: SampleSet | undefined): SampleSet {
  if (training && training.indices.length > 0) return training
  throw new BantamError('bad-data', 'Recovery needs samples to learn from.', {
    where: 'recovery',
    action: 'Give data, or set the recovery epochs to 0.',
  })
}

export function commonOptions(options: RecoveryOptions): CommonOptions {
  const { recover: epochs, recovery: _, ...common } = options
  return { ...common, epochs }
}

/** Net, loss and weights: by the original's answers, or by labels. */
async function objectiveFor(
  pruned: Model,
  original: Model,
  training: SampleSet,
  options: RecoveryOptions,
  seed: number,
) {
  const net = await trainableNet(pruned)
  const common = commonOptions(options)
  const task =
    options.recovery === 'labels'
      ? await byLabels(net, training, TrainOptions.parse(common))
      : await byAnswers(net, original, training, DistillOptions.parse(common), seed)
  const all = await trainable(task.objective.model, task.objective.loss)
  const weights = all.filter(name => !isHeldMask(name))
  return { ...task, wrt: withoutFrozen(task.objective.model, weights, options.freeze) }
}

async function byAnswers(
  net: Model,
  original: Model,
  training: SampleSet,
  options: DistillOptions,
  seed: number,
) {
  const task = await studentTask(net, [original], training, options, seed)
  return { ...task, net, teachers: [original], rate: RATE.distill }
}

async function byLabels(pruned: Model, training: SampleSet, options: TrainOptions) {
  if (training.dataset.summary.task === 'none') {
    throw new BantamError('bad-data', 'Recovery by labels needs labelled samples.', {
      where: training.dataset.summary.spec.source,
      action: 'Choose recovery by distillation, or data with labels.',
    })
  }
  const { net, objective, answer, task } = await labelObjective(pruned, training, options)
  return {
    ...{
      net,
      objective,
      metric: task.metric,
      notes: [] as Note[],
      teachers: [] as Model[],
      rate: RATE.labels,
    },
    logits: { student: answer.logits, teacher: answer.logits },
  }
}
