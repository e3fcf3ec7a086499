/** What quantization-aware training works on: the float model as it is quantized, its fake-quantized net, and the loss. */
import { z } from 'zod'
import type { Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { CommonFields, type CommonOptions, DistillOptions, TrainOptions } from '../../shared/training'
import { gradientOf } from '../autodiff/path'
import { raiseForTraining } from '../autodiff/prepare'
import { trainable } from '../autodiff/trainable'
import { studentTask } from '../distill/objective'
import { copyModel } from '../onnx/copy'
import { subgraphReads } from '../onnx/graph'
import { inferTypes } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { preparedAsDecided } from '../quantize/prepare'
import type { StaticDecisions } from '../quantize/static/options'
import type { SampleSet } from '../technique'
import { labelObjective } from '../training/fine-tune'
import { withoutFrozen } from '../training/freeze'
import type { MetricKind } from '../training/metric'
import { trainableNet } from '../training/net'
import type { Objective } from '../training/objective'
import { type FakeQuantized, fakeQuantized, weightOfKey } from './net'
import type { QatOptions } from './options'

/** Round and Clip as fake quantization writes them. */
const LOWEST_OPSET = 11
/** The highest learning rate with Adam where nobody chooses: a trained net is changed carefully. */
const RATE = { distill: 3e-4, labels: 1e-4 }

export interface QatTask {
  /** The float model as it is quantized. */
  prepared: Model
  fake: FakeQuantized
  /** The net that is trained: the fake-quantized one. */
  net: Model
  objective: Objective
  /** Weights, and the parameters of learned scales. */
  wrt: string[]
  logits: { student: string; teacher: string }
  metric: MetricKind
  teachers: Model[]
  rate: number
  notes: Note[]
}

/**
 * The model that static int8 quantization plans and writes: every constant an initializer, so that each can be trained.
 * Throws `unsupported` for a model that is quantized already.
 */
export async function sourceOf(model: Model): Promise<Model> {
  const source = await trainableNet(model)
  if (source.opset() >= LOWEST_OPSET) return source
  const raised = copyModel(source)
  raiseForTraining(raised)
  return raised
}

/** Puts net and loss together. `source`: as `sourceOf` gives it. Throws what the losses throw, and `bad-data`. */
export async function qatTask(
  model: Model,
  source: Model,
  decisions: StaticDecisions,
  training: SampleSet,
  options: QatOptions,
  seed: number,
): Promise<QatTask> {
  const prepared = await preparedAsDecided(source, decisions)
  const fake = fakeQuantized(prepared, decisions, options.scales === 'learned', await inferTypes(prepared))
  const task =
    options.learn === 'labels'
      ? await byLabels(fake.model, training, options)
      : await byAnswers(fake.model, model, training, options, seed)
  const { graph } = prepared
  const all = await trainable(task.objective.model, task.objective.loss)
  const weights = withoutFrozen(
    prepared,
    all.filter(name => graph.initializer(name)),
    options.freeze,
  )
  const blocked = beforeObstacles(task.objective.model)
  const { activations, weights: ofWeights } = fake.steps
  // A weight that is frozen keeps its scale too, so that its codes stay.
  const own = [...ofWeights].filter(([key]) => weights.includes(weightOfKey(key))).map(([, step]) => step)
  const steps = [...own, ...activations.values()].filter(s => !blocked.has(s.parameter))
  return { ...task, prepared, fake, wrt: [...weights, ...steps.map(step => step.parameter)] }
}

/**
 * Values before an operator that has no gradient: their scales stay as calibrated. Weights there are refused when the
 * training begins, unless they are frozen.
 */
function beforeObstacles({ graph }: Model): Set<string> {
  const before = new Set<string>()
  for (const node of graph.topological().reverse()) {
    const refused = typeof gradientOf(node) === 'object'
    if (refused || node.output.some(name => before.has(name)))
      for (const name of [...node.input, ...subgraphReads(node)]) if (name) before.add(name)
  }
  return before
}

async function byAnswers(net: Model, teacher: Model, training: SampleSet, options: QatOptions, seed: number) {
  const { temperature, labelWeight } = options
  const distil = DistillOptions.parse({ ...commonOptions(options), temperature, labelWeight })
  const task = await studentTask(net, [teacher], training, distil, seed)
  return { ...task, net, teachers: [teacher], rate: RATE.distill }
}

async function byLabels(net: Model, training: SampleSet, options: QatOptions) {
  if (training.dataset.summary.task === 'none') {
    throw new BantamError('bad-data', 'Learning from labels needs labelled samples.', {
      where: training.dataset.summary.spec.source,
      action: 'Name the column of the labels, or learn from the float model (distill).',
    })
  }
  const made = await labelObjective(net, training, TrainOptions.parse(commonOptions(options)))
  const { objective, answer, task } = made
  return {
    net: made.net,
    ...{ objective, metric: task.metric, notes: [] as Note[], teachers: [] as Model[], rate: RATE.labels },
    logits: { student: answer.logits, teacher: answer.logits },
  }
}

/** What every training takes, of these options. */
export function commonOptions(options: QatOptions): CommonOptions {
  return z.object(CommonFields).parse(options)
}
