/** What a student minimises: losses against labels, against its teachers' answers, and against values inside of them. */
import type { Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { DistillOptions, ResponseLoss } from '../../shared/training'
import { addLosses, LOSS, type LossPart } from '../autodiff/losses'
import type { Model } from '../onnx/model'
import type { SampleSet } from '../technique'
import type { MetricKind } from '../training/metric'
import type { Objective } from '../training/objective'
import { type Answer, answerOf, answersOf, hardPart, hardTask, labelInputs } from '../training/task'
import { shapesOf } from './tensors-shapes'

export interface StudentTask {
  objective: Objective
  /** Value of the student, and of the first teacher, that metrics are taken of. */
  logits: { student: string; teacher: string }
  metric: MetricKind
  notes: Note[]
}

/** A part of the loss, and the teacher's value it compares with. */
interface Compared {
  part: LossPart
  teacher?: { index: number; value: string }
}

/**
 * Puts the losses together. `teachers` begin with the one the student is made for. Throws `bad-option` when nothing is
 * left to learn from, or a loss does not fit; `bad-data` when the labels do not fit the answers.
 */
export async function studentTask(
  net: Model,
  teachers: readonly Model[],
  training: SampleSet,
  options: DistillOptions,
  seed: number,
): Promise<StudentTask> {
  const answers = await answersOf(net)
  const answer = await answerOf(net)
  const theirs = await Promise.all(teachers.map(answersOf))
  const { task } = training.dataset.summary
  const labelled = task !== 'none'
  const notes: Note[] = []
  const share = labelShare(options, labelled, notes)
  const hard = share > 0 ? hardTask(answer, training, { ...options, loss: 'auto' }) : undefined
  const compared: Compared[] = [
    ...(hard ? [{ part: { ...hardPart(answer, hard), share } }] : []),
    ...responses(answers, theirs, options, { share: 1 - share, task, mixed: options.mixup > 0, notes }),
    ...(await features(teachers[0] as Model, options)),
  ]
  if (compared.length === 0) {
    throw new BantamError('bad-option', 'Nothing is left to learn from: no labels, no distillation loss.', {
      where: 'loss',
      action: 'Choose a distillation loss, or data with labels.',
    })
  }
  const added = await addLosses(
    net,
    compared.map(c => c.part),
    { seed },
  )
  const objective: Objective = {
    model: added.model,
    loss: LOSS,
    parts: added.parts,
    labels: labelInputs(
      added,
      hard?.labels ?? (options.mixup > 0 ? 'probabilities' : 'class'),
      answer.width ?? 1,
    ),
    targets: added.parts.flatMap((part, i) => {
      const teacher = compared[i]?.teacher
      const inputs = part.targets.filter(target => target.from === 'teacher')
      return teacher
        ? inputs.map(t => ({ input: t.input, teacher: teacher.index, value: teacher.value }))
        : []
    }),
    projectors: added.projectors,
  }
  const reference = theirs[0]?.find(a => a.output === answer.output)
  return {
    objective,
    logits: { student: answer.logits, teacher: reference?.logits ?? answer.output },
    metric:
      labelled && answer.width !== undefined
        ? metricOf(training)
        : givesClasses(answer, task) && classesLast(answer)
          ? 'agreement'
          : 'distance',
    notes,
  }
}

function metricOf(training: SampleSet): MetricKind {
  return training.dataset.summary.task === 'regression' ? 'rmse' : 'accuracy'
}

/** The share of the loss that labels get: all without a distillation loss, nothing without labels. */
function labelShare(options: DistillOptions, labelled: boolean, notes: Note[]): number {
  if (!labelled) {
    if (options.labelWeight > 0 && options.loss !== 'none')
      notes.push({
        code: 'no-labels',
        severity: 'info',
        message: 'The data has no labels: the student learns from its teacher alone.',
      })
    return 0
  }
  return options.loss === 'none' ? 1 : options.labelWeight
}

function responses(
  answers: readonly Answer[],
  theirs: readonly (readonly Answer[])[],
  options: DistillOptions,
  o: { share: number; task: Task; mixed: boolean; notes: Note[] },
): Compared[] {
  if (options.loss === 'none' || o.share === 0) return []
  return answers.flatMap(answer =>
    theirs.flatMap((list, index) => {
      const other = list.find(a => a.output === answer.output)
      if (!other) throw lacks(index, answer)
      const loss = responseFor(answer, options, o)
      const part: LossPart = {
        loss,
        of: answer.logits,
        teacher: other.info,
        share: o.share / (theirs.length * answers.length),
        ...axisOf(answer),
        ...(answer.kind === 'binary-logit' ? { binary: true } : {}),
        ...(o.task !== 'none' ? { labels: o.mixed ? ('probabilities' as const) : ('index' as const) } : {}),
      }
      return [{ part, teacher: { index, value: other.logits } }]
    }),
  )
}

function lacks(index: number, answer: Answer): BantamError {
  return new BantamError('bad-option', `Teacher ${index + 1} has no output ${answer.output}.`, {
    where: 'teachers',
    action: 'Teachers and student must have the same outputs.',
  })
}

type Task = SampleSet['dataset']['summary']['task']

/** Whether an answer chooses among classes: a net that ends in plain numbers says so only by what it is trained for. */
function givesClasses({ kind, width = 1 }: Answer, task: Task): boolean {
  if (task === 'regression') return false
  return kind !== 'value' || task === 'classification' || width > 1
}

/** Classes of a map of answers [N, C, H, W] lie on its second axis, where no softmax says otherwise. */
function axisOf({ axis, info }: Answer): { axis?: number } {
  const rank = info.shape.length
  if (axis !== undefined) return { axis: axis < 0 ? axis + rank : axis }
  return rank > 3 ? { axis: 1 } : {}
}

/** Agreement is counted over the last axis; maps with their classes elsewhere are compared by their distance. */
function classesLast(answer: Answer): boolean {
  const { axis } = axisOf(answer)
  return axis === undefined || axis === answer.info.shape.length - 1
}

function responseFor(
  answer: Answer,
  { loss, temperature }: DistillOptions,
  { task, notes }: { task: Task; notes: Note[] },
): ResponseLoss {
  if (!givesClasses(answer, task) && loss !== 'logits-mse') {
    notes.push({
      code: 'compared-by-mse',
      severity: 'info',
      message: `${answer.output} holds numbers, not classes: they are compared by their squared difference.`,
    })
    return { kind: 'logits-mse', weight: 1 }
  }
  if (loss === 'dkd') return { kind: 'dkd', weight: 1, temperature, alpha: 1, beta: 8 }
  return loss === 'kd' ? { kind: 'kd', weight: 1, temperature } : { kind: 'logits-mse', weight: 1 }
}

async function features(teacher: Model, options: DistillOptions): Promise<Compared[]> {
  if (options.features.length === 0) return []
  const shapes = await shapesOf(teacher)
  return options.features.map(loss => {
    const info = shapes.get(loss.teacher)
    return { part: { loss, ...(info ? { teacher: info } : {}) }, teacher: { index: 0, value: loss.teacher } }
  })
}
