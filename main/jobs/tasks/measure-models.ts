/**
 * Evaluation on the test split, benchmark and profiles of variants next to the teacher. Each stage stands alone: one
 * that fails leaves a note, and the others go on. A cancel ends everything.
 */

import { join } from 'node:path'
import type { Note, Profile } from '../../../shared/domain'
import { errorLine, toErrorData } from '../../../shared/errors'
import type { Dataset } from '../../data/dataset'
import { benchmarkModels } from '../../measure/benchmark'
import { evaluateModel } from '../../measure/evaluate'
import { hardware } from '../../measure/hardware'
import { inspectModel } from '../../measure/inspect'
import { readOutputs, type StoredOutputs, writeOutputs } from '../../measure/outputs'
import { profileModel } from '../../measure/profile'
import { explainSpeed } from '../../measure/speed'
import type { FileStore } from '../../workspace/store'
import { type TaskContext, within } from '../context'
import type { Measurements, MeasureTask, ModelRef } from '../protocol'

interface Work {
  task: MeasureTask
  dataset: Dataset | null
  store: FileStore
  result: Measurements
}

export async function measureModels(
  task: MeasureTask,
  dataset: Dataset | null,
  store: FileStore,
  context: TaskContext,
): Promise<Measurements> {
  const result: Measurements = { evaluations: [], benchmark: null, profiles: {}, notes: [] }
  const work: Work = { task, dataset, store, result }
  await evaluateAll(work, within(context, 0, 0.4))
  await stage(result.notes, 'The benchmark', () => benchmark(work, within(context, 0.4, 0.85)))
  await profileAll(work, within(context, 0.85, 1))
  return result
}

/** Runs one stage; what it throws becomes a note, except a cancel. */
async function stage(notes: Note[], what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    const data = toErrorData(error)
    if (data.code === 'cancelled') throw error
    notes.push({
      code: 'not-measured',
      severity: 'warning',
      message: `${what} failed: ${errorLine(data)}`,
      action: 'Measure it again.',
    })
  }
}

/** The teacher first, for the others are compared with its outputs. */
async function evaluateAll(work: Work, context: TaskContext): Promise<void> {
  const { task, dataset } = work
  if (!dataset || !task.dataset) return
  let reference: { hash: string; outputs: StoredOutputs } | undefined
  const models = [task.teacher, ...task.variants]
  for (const [i, model] of models.entries()) {
    const part = within(context, i / models.length, (i + 1) / models.length)
    await stage(work.result.notes, `The evaluation of ${model.name}`, async () => {
      const isTeacher = model === task.teacher
      if (isTeacher && task.teacherEvaluation && task.variants.length > 0) {
        reference = { hash: model.hash, outputs: await readOutputs(task.teacherEvaluation.outputs) }
        return
      }
      const outputs = await evaluate(work, dataset, model, reference, part)
      if (isTeacher) reference = { hash: model.hash, outputs }
    })
  }
}

async function evaluate(
  { task, store, result }: Work,
  dataset: Dataset,
  model: ModelRef,
  reference: { hash: string; outputs: StoredOutputs } | undefined,
  context: TaskContext,
): Promise<StoredOutputs> {
  context.progress(0, `Measuring the quality of ${model.name}`)
  // A dataset whose split left nothing for testing is used whole.
  const split = dataset.summary.splits.test > 0 ? 'test' : 'all'
  const { evaluation, outputs } = await evaluateModel(
    {
      model: model.path,
      hash: model.hash,
      dataset,
      split,
      ...(reference ? { reference } : {}),
      device: task.device,
      threads: task.threads,
    },
    context,
  )
  const path = join(context.tempDir, `outputs-${model.hash}`)
  await writeOutputs(path, outputs)
  const id = task.dataset?.id ?? ''
  result.evaluations.push({ model: model.hash, dataset: id, evaluation, outputs: await store.putFile(path) })
  return outputs
}

async function benchmark({ task, dataset, result }: Work, context: TaskContext): Promise<void> {
  result.benchmark = await benchmarkModels(
    {
      models: [task.teacher, ...task.variants],
      batches: task.batches,
      threads: task.threadCounts,
      device: task.device,
      ...(dataset ? { dataset } : {}),
    },
    context,
  )
}

async function profileAll(work: Work, context: TaskContext): Promise<void> {
  const { task, result } = work
  const models = [task.teacher, ...task.variants]
  let reference: Profile | undefined
  for (const [i, model] of models.entries()) {
    const part = within(context, i / models.length, (i + 1) / models.length)
    await stage(result.notes, `The profile of ${model.name}`, async () => {
      const profile = await profileOne(work, model, part)
      if (model === task.teacher) {
        reference = profile
        if (task.variants.length === 0)
          result.profiles[model.hash] = { reference: profile, variant: profile, findings: [] }
      } else if (reference) {
        const { layers } = await inspectModel(model.path)
        const measured = ratio(work, model, profile)
        result.profiles[model.hash] = {
          reference,
          variant: profile,
          findings: explainSpeed(reference, profile, await hardware(), measured, layers),
        }
      }
    })
  }
}

async function profileOne({ task, dataset }: Work, model: ModelRef, context: TaskContext): Promise<Profile> {
  context.progress(0, `Timing every operator of ${model.name}`)
  return profileModel(
    {
      model: model.path,
      hash: model.hash,
      batch: task.batches[0] ?? 1,
      threads: task.threadCounts[0] ?? 1,
      device: task.device,
      ...(dataset ? { dataset } : {}),
    },
    context,
  )
}

/** Measured interleaved with the teacher, under the conditions of the profile. */
function ratio({ task, result }: Work, model: ModelRef, profile: Profile) {
  return (
    result.benchmark?.ratios.find(
      r =>
        r.a === task.teacher.hash &&
        r.b === model.hash &&
        r.batch === profile.batch &&
        r.threads === profile.threads,
    ) ?? null
  )
}
