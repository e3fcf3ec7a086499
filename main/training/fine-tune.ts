/** Fine-tuning: the weights of a model go on learning from labels. */
import type { Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { TrainOptions } from '../../shared/training'
import { addLosses, LOSS } from '../autodiff/losses'
import { trainable } from '../autodiff/trainable'
import type { Model } from '../onnx/model'
import type { PlanInput, SampleSet, Technique } from '../technique'
import { adviseTraining } from './advice'
import { decide, deviceNotes, TrainingDecisions } from './decisions'
import { withoutFrozen } from './freeze'
import { learn } from './learn'
import { trainableNet } from './net'
import type { Objective } from './objective'
import { answerOf, hardPart, hardTask, labelInputs } from './task'

/** The highest learning rate where nobody chooses: a trained net is changed carefully. */
const RATE = 3e-4

export const fineTune: Technique<typeof TrainOptions> = {
  id: 'train.labels',
  title: 'Fine-tune on labels',
  summary:
    'The model goes on learning from your labelled samples: to adapt it to new data, or to recover what another technique cost.',
  reference:
    'Rumelhart, Hinton and Williams, Learning representations by back-propagating errors, Nature 1986',
  needs: 'labels',
  learns: () => true,
  options: TrainOptions,
  advise: adviseTraining,
  async plan(input, options): Promise<Plan> {
    const training = requireTraining(input)
    const { net, objective, answer, task } = await labelObjective(input.model, training, options)
    const wrt = await weightsOf(objective, options)
    return {
      technique: fineTune.id,
      version: 1,
      seed: input.seed,
      options,
      decisions: decide({
        input,
        training,
        options,
        net,
        rate: RATE,
        objective,
        wrt,
        logits: answer.logits,
        metric: task.metric,
      }),
      notes: deviceNotes(input.device),
    }
  },
  async apply(model, plan, run): Promise<Model> {
    if (!run?.training) throw new BantamError('internal', 'A training was started without data.')
    const options = TrainOptions.parse(plan.options)
    const decisions = TrainingDecisions.parse(plan.decisions)
    const { net, objective } = await labelObjective(model, run.training, options)
    const trained = await learn(
      {
        technique: plan.technique,
        net,
        logits: decisions.logits,
        metric: decisions.metric,
        objective,
        wrt: await weightsOf(objective, options),
        options,
        learningRate: decisions.learningRate,
        seed: plan.seed,
        threads: decisions.threads,
        device: decisions.device,
        training: run.training,
        teachers: [],
      },
      run.context,
    )
    run.record(trained.record)
    return trained.model
  },
}

/** Samples with labels. Throws `bad-data` without. */
function requireTraining({ training }: PlanInput): SampleSet {
  if (training && training.dataset.summary.task !== 'none') return training
  throw new BantamError('bad-data', 'Fine-tuning needs labelled samples.', {
    ...(training ? { where: training.dataset.summary.spec.source } : {}),
    action: training ? 'Name the column of the labels, or distil instead: that needs none.' : 'Give data.',
  })
}

/** What is minimised to fit the labels. Throws as `hardTask`. */
export async function labelObjective(model: Model, training: SampleSet, options: TrainOptions) {
  const net = await trainableNet(model)
  const answer = await answerOf(net)
  const task = hardTask(answer, training, options)
  const added = await addLosses(net, [hardPart(answer, task)])
  const objective: Objective = {
    model: added.model,
    loss: LOSS,
    parts: added.parts,
    labels: labelInputs(added, task.labels, answer.width ?? 1),
    targets: [],
    projectors: [],
  }
  return { net, answer, task, objective }
}

async function weightsOf(objective: Objective, options: TrainOptions): Promise<string[]> {
  const all = await trainable(objective.model, objective.loss)
  return withoutFrozen(objective.model, all, options.freeze)
}
