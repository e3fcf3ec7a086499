/** The work of `bantam train` and `bantam distill`, and of `bantam prune`. */
import { type TaskContext, within } from '../../main/jobs/context'
import { isTrainingStep } from '../../main/jobs/requests'
import { modelInputs } from '../../main/onnx/inputs'
import { readModel } from '../../main/onnx/read'
import type { Evaluation, Step } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatDuration } from '../../shared/format'
import type { TrainingRecord } from '../../shared/training'
import { openData } from './data'
import { describeEvaluation, evaluationDocument } from './evaluate'
import { describeProgress, historyOf, type LearnOptions, metricText, withCheckpoints } from './learn'
import { evaluateFiles } from './measure'
import { withTask } from './task'
import { columns, type Terminal } from './terminal'
import { describeVariant, runStep, type VariantResult } from './variant'

/** After an interrupt a step may end and its place be saved. */
const SAVING_MS = 30_000

export interface Learnt {
  document: VariantResult & {
    history: ReturnType<typeof historyOf>
    best: TrainingRecord['best']
    ended: TrainingRecord['ended']
    evaluation: ReturnType<typeof evaluationDocument> | null
  }
  training: TrainingRecord | undefined
  evaluation: Evaluation | undefined
}

/**
 * Makes the result, and compares it with the original on `--eval-data`. A step that trains has a folder for its
 * checkpoints meanwhile.
 */
export async function runLearning(
  model: string,
  step: Step,
  options: LearnOptions,
  terminal: Terminal,
): Promise<Learnt> {
  return withTask(
    terminal,
    async context => {
      if (options.evalData) await checkEvaluation(model, { ...options, evalData: options.evalData })
      let state = ''
      const told = {
        ...context,
        progress: (fraction: number, stage: string) =>
          context.progress(fraction, state && stage.startsWith('Epoch') ? `${stage} · ${state}` : stage),
      }
      const say = (record: TrainingRecord) => {
        state = describeProgress(record)
      }
      const make = (kept: TaskContext) => runStep(model, step, options, within(kept, 0, 0.97))
      const { training, ...result } = isTrainingStep(step)
        ? await withCheckpoints(options, told, say, make)
        : await make(told)
      const evaluation = options.evalData
        ? await evaluateFiles(
            options.out,
            { ...options, data: options.evalData, split: options.evalSplit, reference: model },
            within(context, 0.97, 1),
          )
        : undefined
      const document = {
        ...result,
        history: historyOf(training),
        best: training?.best ?? null,
        ended: training?.ended ?? null,
        evaluation: evaluation ? evaluationDocument(options.out, evaluation) : null,
      }
      return { document, training, evaluation }
    },
    SAVING_MS,
  )
}

/** What would fail after a long training is found out before it. Throws what opening the data throws. */
async function checkEvaluation(model: string, options: LearnOptions & { evalData: string }): Promise<void> {
  const { evalData: data, evalSplit: split } = options
  const dataset = await openData({ ...options, data, split }, modelInputs(await readModel(model)))
  const count = dataset.indices(split).length
  await dataset.close()
  if (count > 0) return
  throw new BantamError('bad-data', `The ${split} split of --eval-data holds no samples.`, {
    where: data,
    action: 'Choose another --eval-split, or more data.',
  })
}

const ENDED: Record<NonNullable<TrainingRecord['ended']>, string> = {
  done: 'all epochs done',
  early: 'stopped early: no better epoch for a while',
  asked: 'stopped when asked',
  diverged: 'diverged; the best weights before were kept',
}

/** The result for a person: epochs, the file, the comparison. */
export function describeLearnt({ document, training, evaluation }: Learnt): string {
  const parts = [describeVariant(document)]
  if (training) parts.unshift(describeTraining(training))
  if (evaluation) parts.push(describeEvaluation(document.out, evaluation))
  return parts.join('\n\n')
}

const ROWS = 12

function describeTraining(record: TrainingRecord): string {
  const { epochs, best, metric } = record
  const step = Math.ceil(epochs.length / ROWS)
  const shown = epochs.filter(
    (e, i) => i % step === step - 1 || i === epochs.length - 1 || e.epoch === best?.epoch,
  )
  const table = columns(
    [
      ['epoch', 'loss', metric.title.toLowerCase(), 'samples/s', 'took', ''],
      ...shown.map(e => [
        Number.isInteger(e.epoch) ? String(e.epoch) : e.epoch.toFixed(2),
        e.loss.toPrecision(4),
        e.validation ? metricText(record, e.validation.metric) : '',
        e.samplesPerSecond.toFixed(0),
        formatDuration(e.seconds),
        e.epoch === best?.epoch ? 'kept' : '',
      ]),
    ],
    [1, 2, 3, 4],
  )
  const held = record.samples.validation
  const facts = [
    `${record.samples.train} samples learnt from, ${held} held out${record.ended ? `; ${ENDED[record.ended]}` : ''}`,
    ...(record.device === 'cpu' ? [] : [`computed on ${record.device}`]),
    ...(record.teacher === null
      ? []
      : [
          `the original: ${metric.title.toLowerCase()} ${metricText(record, record.teacher)} on those held out`,
        ]),
    ...(best?.epoch === 0 ? ['no epoch was better than the weights it began with: these were kept'] : []),
    ...record.notes,
  ]
  return [table, '', ...facts].join('\n')
}
