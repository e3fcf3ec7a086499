/** Distillation: a smaller student learns from its teacher. */
import { z } from 'zod'
import type { Note, Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { DistillOptions } from '../../shared/training'
import { trainable } from '../autodiff/trainable'
import { modelInputs } from '../onnx/inputs'
import { type Interface, requireSameInterface } from '../onnx/interface'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import type { LearnInput, PlanInput, SampleSet, Technique } from '../technique'
import { decide, deviceNotes, TrainingDecisions } from '../training/decisions'
import { withoutFrozen } from '../training/freeze'
import { learn } from '../training/learn'
import { trainableNet } from '../training/net'
import { adviseStudent } from './advice'
import { studentTask } from './objective'
import { makeStudent } from './student'
import { isStudentShape, parseStudentShape } from './student-shape'
import { shapesOf } from './tensors-shapes'

/** The highest learning rate with Adam where nobody chooses. */
const RATE = 1e-3

/** What a plan of distillation holds besides what every training does: the models by what they are, not where. */
const DistillDecisions = TrainingDecisions.extend({
  student: z.object({ source: z.string(), hash: z.string().nullable() }),
  teacherLogits: z.string(),
  teachers: z.array(z.object({ source: z.string(), hash: z.string() })),
})

export const distillStudent: Technique<typeof DistillOptions> = {
  id: 'distill.student',
  title: 'Distil a student',
  summary:
    'A smaller network, made from this one or given as a file, learns to answer as this one does: with labels or without.',
  reference:
    'Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015 (arXiv:1503.02531)',
  needs: 'calibration',
  learns: () => true,
  options: DistillOptions,
  advise: adviseStudent,
  async plan(input, options): Promise<Plan> {
    const training = requireTraining(input)
    const made = await assemble(input.model, training, options, input.seed, input)
    const { net, objective, wrt, task, notes } = made
    const chosen = { input, training, options, net, rate: RATE, objective, wrt }
    const decisions: z.infer<typeof DistillDecisions> = {
      ...decide({ ...chosen, logits: task.logits.student, metric: task.metric }),
      teacherLogits: task.logits.teacher,
      student: { source: options.student, hash: hashOf(input, options.student) },
      teachers: options.teachers.map(source => ({ source, hash: hashOf(input, source) ?? '' })),
    }
    return {
      technique: distillStudent.id,
      version: 1,
      seed: input.seed,
      options,
      decisions,
      notes: [...notes, ...deviceNotes(input.device)],
    }
  },
  async apply(model, plan, run): Promise<Model> {
    if (!run?.training) throw new BantamError('internal', 'A training was started without data.')
    const options = DistillOptions.parse(plan.options)
    const decisions = DistillDecisions.parse(plan.decisions)
    requireSameFiles(run, decisions)
    const { net, objective, wrt, teachers } = await assemble(model, run.training, options, plan.seed, run)
    const trained = await learn(
      {
        technique: plan.technique,
        net,
        logits: decisions.logits,
        metric: decisions.metric,
        objective,
        wrt,
        options,
        learningRate: decisions.learningRate,
        seed: plan.seed,
        threads: decisions.threads,
        device: decisions.device,
        training: run.training,
        teachers: teachers.map(teacher => ({ model: teacher, logits: decisions.teacherLogits })),
      },
      run.context,
    )
    run.record(trained.record)
    return trained.model
  },
}

function requireTraining({ training }: PlanInput): SampleSet {
  if (training) return training
  throw new BantamError('bad-data', 'A student needs samples to learn from.', { action: 'Give data.' })
}

/** Student, teachers and what is minimised: the same for the plan and for its application. */
async function assemble(
  teacher: Model,
  training: SampleSet,
  options: DistillOptions,
  seed: number,
  files: Pick<LearnInput, 'models'>,
) {
  const { model: student, notes } = await studentOf(teacher, options, seed, files)
  const own = await interfaceOf(teacher)
  requireSameInterface(own, await interfaceOf(student))
  const net = await trainableNet(student)
  const others = await Promise.all(options.teachers.map(source => readModel(pathOf(files, source))))
  for (const [i, other] of others.entries()) {
    const who = {
      name: 'A further teacher',
      where: options.teachers[i] ?? '',
      action: 'Choose another model.',
    }
    requireSameInterface(own, await interfaceOf(other), who)
  }
  const teachers = [teacher, ...others]
  const task = await studentTask(net, teachers, training, options, seed)
  const { objective } = task
  const all = await trainable(objective.model, objective.loss)
  const wrt = withoutFrozen(objective.model, all, options.freeze)
  return { net, objective, wrt, teachers, task, notes: [...notes, ...task.notes] }
}

async function interfaceOf(model: Model): Promise<Interface> {
  const types = await shapesOf(model)
  const outputs = model.graph.proto.output.flatMap(({ name }) => types.get(name) ?? [])
  return { inputs: modelInputs(model), outputs }
}

async function studentOf(
  teacher: Model,
  options: DistillOptions,
  seed: number,
  files: Pick<LearnInput, 'models'>,
): Promise<{ model: Model; notes: Note[] }> {
  const { student, init } = options
  if (!isStudentShape(student)) return { model: await readModel(pathOf(files, student)), notes: [] }
  return makeStudent(teacher, parseStudentShape(student), { init, seed })
}

function pathOf({ models }: Pick<LearnInput, 'models'>, source: string): string {
  const file = models?.[source]
  if (file) return file.path
  throw new BantamError('not-found', `There is no model ${source}.`, {
    where: source,
    action: 'Name an ONNX file, or a shape such as slim:0.5 or depth:2.',
  })
}

function hashOf({ models }: Pick<LearnInput, 'models'>, source: string): string | null {
  return models?.[source]?.hash ?? null
}

/** The files that a plan names must still be what they were. */
function requireSameFiles(files: LearnInput, decisions: z.infer<typeof DistillDecisions>): void {
  for (const { source, hash } of [decisions.student, ...decisions.teachers]) {
    if (hash === null || hashOf(files, source) === hash) continue
    throw new BantamError('bad-option', 'A model is another one than when the plan was made.', {
      where: source,
      action: `Give the model whose hash is ${hash}.`,
    })
  }
}
