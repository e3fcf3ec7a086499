/**
 * Quantization-aware training and distillation: static int8 decides places and scales, the weights (and scales) are
 * trained with fake quantization in the forward pass, and what was learnt is written in int8.
 */
import type { Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { within } from '../jobs/context'
import { fixedBatch } from '../measure/inputs'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { StaticDecisions } from '../quantize/static/options'
import { planStatic } from '../quantize/static/plan'
import type { PlanInput, SampleSet, Technique } from '../technique'
import { decide, deviceNotes } from '../training/decisions'
import { divide } from '../training/division'
import { learn } from '../training/learn'
import { epochOrder } from '../training/order'
import { adviseQat } from './advice'
import { placementOptions, QatDecisions, QatOptions } from './options'
import { commonOptions, qatTask, sourceOf } from './task'
import { learnedDecisions, writeTrained } from './write'

export const quantizeQat: Technique<typeof QatOptions> = {
  id: 'quantize.qat',
  title: 'Quantization-aware training',
  summary:
    'Static int8 whose weights and scales are trained with the rounding in place, by the float model’s answers or by labels: for networks that lose accuracy in int8, or with 4-bit weights, even when equalized and with rounding learned, which take less time.',
  reference:
    'Jacob et al., CVPR 2018 (arXiv:1712.05877); Esser et al., Learned Step Size Quantization, ICLR 2020 (arXiv:1902.08153)',
  needs: 'calibration',
  learns: () => true,
  options: QatOptions,
  advise: adviseQat,
  async plan(input, options, context): Promise<Plan> {
    const training = requireTraining(input)
    const source = await sourceOf(input.model)
    const placed = await planStatic(
      { ...input, model: source, calibration: calibrationOf(input, training, source, options) },
      placementOptions(options),
      within(context, 0, 0.9),
    )
    const quantization = StaticDecisions.parse(placed.decisions)
    const task = await qatTask(input.model, source, quantization, training, options, input.seed)
    const common = commonOptions(options)
    const { net, rate, objective, wrt, metric, logits } = task
    const chosen = { input, training, options: common, net, rate, objective, wrt, metric }
    return {
      technique: quantizeQat.id,
      version: 1,
      seed: input.seed,
      options,
      decisions: {
        ...decide({ ...chosen, logits: logits.student }),
        teacherLogits: logits.teacher,
        learnsScales: options.scales === 'learned',
        quantization,
      } satisfies QatDecisions,
      notes: [...placed.notes, ...task.notes, ...deviceNotes(input.device)],
    }
  },
  async apply(model, plan, run): Promise<Model> {
    if (!run?.training) throw new BantamError('internal', 'A training was started without data.')
    const options = QatOptions.parse(plan.options)
    const decisions = QatDecisions.parse(plan.decisions)
    const { quantization } = decisions
    const source = await sourceOf(model)
    const task = await qatTask(model, source, quantization, run.training, options, plan.seed)
    const trained = await learn(
      {
        technique: plan.technique,
        net: task.net,
        logits: decisions.logits,
        metric: decisions.metric,
        objective: task.objective,
        wrt: task.wrt,
        options: commonOptions(options),
        learningRate: decisions.learningRate,
        seed: plan.seed,
        threads: decisions.threads,
        device: decisions.device,
        training: run.training,
        teachers: task.teachers.map(teacher => ({ model: teacher, logits: decisions.teacherLogits })),
      },
      run.context,
    )
    run.record(trained.record)
    const learnt = learnedDecisions(task.prepared, quantization, task.fake, trained.model)
    return writeTrained(task.prepared, learnt, trained.model)
  },
}

/** Samples for the first scales: drawn from those that are learnt from, none of them held out. */
function calibrationOf(
  { seed }: PlanInput,
  training: SampleSet,
  source: Model,
  options: QatOptions,
): SampleSet {
  const { train } = divide(training, commonOptions(options), seed, fixedBatch(modelInputs(source)))
  const drawn = epochOrder(train, seed, 0).slice(0, options.samples).sort()
  return { dataset: training.dataset, indices: drawn }
}

function requireTraining({ training }: PlanInput): SampleSet {
  if (training && training.indices.length > 0) return training
  throw new BantamError('bad-data', 'Quantization-aware training needs samples to learn from.', {
    action: 'Add a dataset (--data), or use static-int8, which needs a few hundred samples only.',
  })
}
