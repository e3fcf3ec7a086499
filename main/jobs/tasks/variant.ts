/** Makes a variant, proves it, stores it, and measures it against the teacher. */

import { join } from 'node:path'
import { openDataset } from '../../data/open'
import { inspectModel } from '../../measure/inspect'
import { makeVariant } from '../../operations/variant'
import { folderStore, statisticsFolder } from '../../quantize/calibrate/statistics-folder'
import { learnsWith } from '../../technique'
import { techniqueById } from '../../techniques'
import { putModel } from '../../workspace/model-files'
import type { FileStore } from '../../workspace/store'
import { type TaskContext, within } from '../context'
import type { Tasks } from '../protocol'
import { measureModels } from './measure-models'
import { calibrationSamples, samplesOf } from './samples'

type Task = Tasks['variant']['task']

/**
 * The variant is whole once its file is verified and stored: what fails after that is noted and does not lose it.
 * Throws what the technique or the verification throws.
 */
export async function makeAndMeasure(
  task: Task,
  store: FileStore,
  context: TaskContext,
): Promise<Tasks['variant']['result']> {
  const technique = techniqueById(task.step.technique)
  // Of a training nearly all of the time, else about half of it, goes into making the variant.
  const learns = learnsWith(technique, task.step.options)
  const made = learns ? 0.9 : 0.4
  const dataset = task.measure.dataset && (await openDataset(task.measure.dataset.spec, task.inputs))
  try {
    const out = join(context.tempDir, 'variant.onnx')
    // A technique that needs no samples is still tried on some. Without any, one that does says so.
    const tried = calibrationSamples(dataset)
    const training = learns ? samplesOf(dataset, 'train') : undefined
    const { plan, evidence } = await makeVariant(
      {
        parent: task.parent.path,
        step: task.step,
        seed: task.seed,
        ...(tried ? { calibration: tried } : {}),
        statistics: folderStore(statisticsFolder(store)),
        ...(training ? { training } : {}),
        models: task.models,
        out,
        threads: task.measure.threads,
        device: task.measure.device,
      },
      within(context, 0, made),
    )
    context.progress(made + 0.01, 'Storing the variant')
    const hash = await putModel(store, out, evidence.result.hash)
    context.progress(made + 0.02, 'Inspecting the variant')
    const summary = await inspectModel(store.modelPath(hash))
    const measurements = await measureModels(
      { ...task.measure, variants: [{ path: store.modelPath(hash), hash, name: technique.title }] },
      dataset,
      store,
      within(context, made + 0.03, 1),
    )
    return {
      title: technique.title,
      summary,
      plan,
      evidence,
      verification: evidence.verification,
      measurements,
    }
  } finally {
    await dataset?.close()
  }
}
