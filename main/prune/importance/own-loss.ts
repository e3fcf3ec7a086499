/** The loss that gradients are taken of when a model is not to learn but to be understood. */

import { TrainOptions } from '../../../shared/training'
import { addLosses, LOSS } from '../../autodiff/losses'
import { logSoftmax, mean } from '../../autodiff/losses-terms'
import { raiseForTraining } from '../../autodiff/prepare'
import { makeNode, makeValue } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import type { Model } from '../../onnx/model'
import { Builder, type Value } from '../../operators/builder'
import type { SampleSet } from '../../technique'
import type { LabelInput } from '../../training/objective'
import { type Answer, answerOf, answersOf, hardPart, hardTask, labelInputs } from '../../training/task'

export interface WithLoss {
  /** A copy with the scalar `LOSS`, a mean over the samples. */
  model: Model
  /** Inputs that take labels; none where the loss is of the answers alone. */
  labels: LabelInput[]
}

/**
 * Adds the loss. With labels that are one per answer: the task's own (cross entropy, squared error). Without, of the
 * model's own answers, summed over its outputs: the negative log-likelihood of the class it chooses, which is the cross
 * entropy with hard labels of its own; for numbers the mean of their squares (Aljundi et al. 2018, "Memory Aware
 * Synapses", arXiv 1711.09601), as their distance from themselves has no slope. Throws `unsupported` for a model
 * without real-valued outputs, `bad-data` where labels do not fit the answer.
 */
export async function addOwnLoss(model: Model, samples: SampleSet): Promise<WithLoss> {
  const { task } = samples.dataset.summary
  const answer = await answerOf(model)
  if (task === 'none' || answer.width === undefined) return ownAnswers(model, task === 'regression')
  const hard = hardTask(answer, samples, TrainOptions.parse({}))
  const added = await addLosses(model, [hardPart(answer, hard)])
  return { model: added.model, labels: labelInputs(added, hard.labels, answer.width) }
}

async function ownAnswers(source: Model, numbers: boolean): Promise<WithLoss> {
  const model = copyModel(source)
  raiseForTraining(model)
  const m = new Builder(model.graph, model.opset(), 'loss')
  const losses = (await answersOf(model)).map(answer => ownAnswer(m, answer, numbers))
  const total = losses.reduce((sum, loss) => m.add(sum, loss))
  model.graph.add(makeNode('Identity', [total.name], [LOSS]))
  model.graph.proto.output.push(makeValue(LOSS, total.type, []))
  return { model, labels: [] }
}

function ownAnswer(m: Builder, answer: Answer, numbers: boolean): Value {
  const { kind, info, width = 1 } = answer
  const x: Value = { ...info, name: answer.logits }
  if (numbers || (kind === 'value' && width < 2)) return mean(m, m.square(x))
  // −log p of the likelier of yes and no: softplus(−|x|).
  if (kind === 'binary-logit') return mean(m, m.unary('Softplus', m.neg(m.unary('Abs', x))))
  const rank = x.shape.length
  const axis = answer.axis === undefined ? rank - 1 : answer.axis < 0 ? answer.axis + rank : answer.axis
  const last = axis === rank - 1 ? x : m.transpose(x, [...[...x.shape.keys()].filter(a => a !== axis), axis])
  return m.neg(mean(m, m.reduce('ReduceMax', logSoftmax(m, last), [rank - 1], false)))
}
