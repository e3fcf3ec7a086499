/** What a net is to learn from a dataset: which value is its answer, which loss and metric fit it. */
import type { DatasetSummary } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TensorInfo } from '../../shared/tensor'
import type { CommonOptions, HardLoss, TrainOptions } from '../../shared/training'
import type { LossPart, WithLosses } from '../autodiff/losses'
import { logitsOf } from '../distill/logits'
import { shapesOf } from '../distill/tensors-shapes'
import type { Model } from '../onnx/model'
import type { SampleSet } from '../technique'
import type { MetricKind } from './metric'
import type { LabelInput } from './objective'

/** The value of a net that its answers are read from. */
export interface Answer {
  /** Name of the output, and of the value before its final softmax or sigmoid. */
  output: string
  logits: string
  kind: 'logits' | 'binary-logit' | 'value'
  /** Axis of the classes where a softmax names it. */
  axis?: number
  info: TensorInfo
  /** Classes, or values, per sample where the answer is [batch], or [batch, width]. */
  width: number | undefined
}

/** The real-valued outputs of a net, the first being the one that labels are for. */
export async function answersOf(model: Model): Promise<Answer[]> {
  const shapes = await shapesOf(model)
  return model.graph.proto.output.flatMap(({ name }) => {
    const { name: logits, ...found } = logitsOf(model, name, shapes)
    const info = shapes.get(logits)
    return info?.type === 'float32' ? [{ output: name, logits, ...found, info, width: widthOf(info) }] : []
  })
}

/** The first of them. Throws `unsupported` when there is none. */
export async function answerOf(model: Model): Promise<Answer> {
  const [first] = await answersOf(model)
  if (first) return first
  throw new BantamError('unsupported', 'The model has no output of float32 numbers to learn by.', {
    where: model.graph.proto.output.map(o => o.name).join(', '),
    action: 'Convert the model to float32.',
  })
}

function widthOf({ shape }: TensorInfo): number | undefined {
  if (shape.length === 1) return 1
  const [, width] = shape
  return shape.length === 2 && typeof width === 'number' ? width : undefined
}

/** Loss against labels, the form its labels come in, and the metric that goes with it. */
export interface HardTask {
  loss: HardLoss
  labels: LabelInput['form']
  metric: MetricKind
}

/**
 * The loss against labels. Throws `bad-data` when the answer does not fit the labels (their number, their range),
 * `bad-option` when the loss does not fit the answer.
 */
export function hardTask(
  answer: Answer,
  training: SampleSet,
  options: CommonOptions & { loss?: TrainOptions['loss'] },
): HardTask {
  const { summary } = training.dataset
  const loss = options.loss ?? 'auto'
  checkWidth(answer, summary)
  const { width = 1 } = answer
  if (summary.task === 'regression') {
    if (loss !== 'auto' && loss !== 'mse' && loss !== 'huber')
      throw misfit(loss, 'class labels, and these are numbers')
    return { loss: plainLoss(loss === 'huber' ? 'huber' : 'mse'), labels: 'value', metric: 'rmse' }
  }
  const kind = loss === 'auto' ? (width === 1 ? 'binary-cross-entropy' : 'cross-entropy') : loss
  if (width === 1) {
    if (kind === 'cross-entropy') throw misfit(kind, `two logits or more; ${answer.logits} has one`)
    return { loss: plainLoss(kind), labels: 'value', metric: 'accuracy' }
  }
  if (kind !== 'cross-entropy') return { loss: plainLoss(kind), labels: 'probabilities', metric: 'accuracy' }
  const weights = options.classWeights === 'balanced' ? balanced(training, width) : undefined
  return {
    loss: {
      kind: 'cross-entropy',
      weight: 1,
      smoothing: options.labelSmoothing,
      ...(weights ? { classWeights: weights } : {}),
    },
    labels: options.mixup > 0 ? 'probabilities' : 'class',
    metric: 'accuracy',
  }
}

function plainLoss(kind: 'binary-cross-entropy' | 'mse' | 'huber' | 'cross-entropy'): HardLoss {
  if (kind === 'huber') return { kind, weight: 1, delta: 1 }
  return kind === 'cross-entropy' ? { kind, weight: 1, smoothing: 0 } : { kind, weight: 1 }
}

function misfit(loss: string, needs: string): BantamError {
  return new BantamError('bad-option', `The loss ${loss} needs ${needs}.`, {
    where: 'loss',
    action: 'Choose auto.',
  })
}

function checkWidth({ logits, info, width }: Answer, summary: DatasetSummary): void {
  const shape = `${logits} [${info.shape.join(', ')}]`
  const where = summary.spec.source
  if (width === undefined) {
    throw new BantamError('bad-data', `The labels are one per sample, but the answer ${shape} is not.`, {
      where,
      action: 'Distil without labels (label weight 0), or train a model with one answer per sample.',
    })
  }
  if (summary.task === 'regression' && width !== 1) {
    throw new BantamError('bad-data', `There is one target per sample, but the answer is ${shape}.`, {
      where,
    })
  }
  const classes = width === 1 ? 2 : width
  if (summary.task === 'classification' && summary.classes.length > classes) {
    throw new BantamError(
      'bad-data',
      `The labels are of ${summary.classes.length} classes, but the answer ${shape} has ${classes}.`,
      { where, action: 'Check which column holds the labels, or use another model.' },
    )
  }
}

/** n / (C·n_c): classes count alike, and the weights of the samples have mean 1. */
function balanced({ dataset, indices }: SampleSet, width: number): number[] {
  const labels = dataset.labels(indices) ?? new Float64Array()
  const counts = Array<number>(width).fill(0)
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1
  const present = counts.filter(n => n > 0).length
  return counts.map(n => (n > 0 ? labels.length / (present * n) : 0))
}

/** The part of `addLosses` for a loss against labels. */
export function hardPart(answer: Answer, task: HardTask): LossPart {
  return {
    loss: task.loss,
    of: answer.logits,
    ...(task.loss.kind === 'cross-entropy'
      ? { labels: task.labels === 'probabilities' ? ('probabilities' as const) : ('index' as const) }
      : {}),
  }
}

/** The inputs that take labels, of all parts. */
export function labelInputs(added: WithLosses, form: LabelInput['form'], width: number): LabelInput[] {
  return added.parts.flatMap(part =>
    part.targets
      .filter(target => target.from === 'labels')
      .map(target => ({
        input: target.input,
        form:
          target.type === 'int64' ? ('class' as const) : form === 'class' ? ('probabilities' as const) : form,
        width: form === 'value' ? 1 : width,
        rank: target.shape.length,
      })),
  )
}
