/** The warm process's answers about students: what one would be, its graph, and values in it that are like the teacher's. */
import { join } from 'node:path'
import type { GraphView, StudentPreview, SuggestedPair } from '../../shared/training'
import type { Batch, Dataset } from '../data/dataset'
import { suggestPairs } from '../distill/pairs'
import { makeStudent } from '../distill/student'
import { parseStudentShape } from '../distill/student-shape'
import { graphView } from '../distill/view'
import { fixedBatch } from '../measure/inputs'
import { inspectModel } from '../measure/inspect'
import { requireSameInterface } from '../onnx/interface'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { writeModel } from '../onnx/write'
import { Kept } from './kept'
import type { Asks, InspectedRef, ModelRef, StudentRef } from './protocol'
import { withScratch } from './scratch'
import { speedNextTo } from './speed-next-to'

interface Made {
  model: Model
  notes: string[]
}

/** By hash of the teacher and text of the student: a screen asks for the same one again and again. */
const previews = new Kept<StudentPreview>(64)
const students = new Kept<Made>(2)
const teachers = new Kept<Model>(2)

/** Samples that values are compared on, and how many are run at a time. */
const PAIR_SAMPLES = 256
const PAIR_BATCH = 64

/** Throws `bad-option` for a text that is no student, and for a model of other inputs or outputs. */
export function previewStudent(ask: Asks['student']['ask']): Promise<StudentPreview> {
  return previews.get(keyOf(ask.teacher, ask.student), () => preview(ask))
}

/** Without a student the model’s own graph. Throws `bad-option` for a text that is no student. */
export async function viewGraph({ model, student }: Asks['graph']['ask']): Promise<GraphView> {
  return graphView(student ? (await studentOf(model, student)).model : await teacherOf(model))
}

/**
 * As `previewStudent`; `open` opens the data, whose calibration samples (else those to train on) are looked at.
 */
export async function findPairs(
  { teacher, student, data, threads }: Asks['pairs']['ask'],
  open: (data: NonNullable<Asks['pairs']['ask']['data']>) => Promise<Dataset>,
): Promise<SuggestedPair[]> {
  refuseOther(teacher, student)
  const [own, made] = [await teacherOf(teacher), await studentOf(teacher, student)]
  const batches = data ? await samplesOf(await open(data), fixedBatch(teacher.summary.inputs)) : []
  return suggestPairs({ teacher: own, student: made.model, batches, threads })
}

async function preview({ teacher, student }: Asks['student']['ask']): Promise<StudentPreview> {
  refuseOther(teacher, student)
  const { parameters, macs, sizeBytes } = teacher.summary
  const about = { student: student.text, teacher: { parameters, macs, sizeBytes } }
  if (student.model) {
    const { summary, path } = student.model
    return { ...about, ...costOf(summary), ...(await speedNextTo(teacher.path, path, [])) }
  }
  const { model, notes } = await studentOf(teacher, student)
  return withScratch(async folder => {
    const file = join(folder, 'student.onnx')
    await writeModel(model, file)
    return {
      ...about,
      ...costOf(await inspectModel(file)),
      ...(await speedNextTo(teacher.path, file, notes)),
    }
  })
}

function costOf({ parameters, macs, sizeBytes }: InspectedRef['summary']) {
  return { parameters, macs, sizeBytes }
}

/** Of a model that is the student itself; one that is made from the teacher has its inputs and outputs. */
function refuseOther(teacher: InspectedRef, { model }: StudentRef): void {
  if (model) requireSameInterface(teacher.summary, model.summary)
}

function teacherOf({ hash, path }: ModelRef): Promise<Model> {
  return teachers.get(hash, () => readModel(path))
}

function studentOf(teacher: ModelRef, student: StudentRef): Promise<Made> {
  return students.get(keyOf(teacher, student), async () => {
    if (student.model) return { model: await readModel(student.model.path), notes: [] }
    const shape = parseStudentShape(student.text)
    const { model, notes } = await makeStudent(await teacherOf(teacher), shape, { init: 'teacher', seed: 0 })
    return { model, notes: notes.map(note => note.message) }
  })
}

function keyOf(teacher: ModelRef, { text, model }: StudentRef): string {
  return `${teacher.hash} ${model?.hash ?? text}`
}

/** @param fixed the number of samples the teacher takes at a time; null where it is free */
async function samplesOf(dataset: Dataset, fixed: number | null): Promise<Batch['feeds'][]> {
  const split = dataset.indices('calibration').length > 0 ? 'calibration' : 'train'
  const indices = dataset.indices(split).slice(0, PAIR_SAMPLES)
  const size = Math.max(fixed ?? 0, PAIR_BATCH)
  const batches: Batch['feeds'][] = []
  for (let from = 0; from < indices.length; from += size)
    batches.push((await dataset.batch(indices.subarray(from, from + size))).feeds)
  return batches
}
