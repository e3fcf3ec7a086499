/** Makes a variant, proves it, stores it, and measures it against the teacher. */

import { join } from 'node:path'
import type { Dataset } from '../../data/dataset'
import { openDataset } from '../../data/open'
import { inspectModel } from '../../measure/inspect'
import { makeVariant } from '../../operations/variant'
import { learnsWith, type SampleSet } from '../../technique'
import { techniqueById } from '../../techniques'
import { putModel } from '../../workspace/model-files'
import type { FileStore } from '../../workspace/store'
import { type TaskContext, within } from '../context'
import type { Tasks } from '../protocol'
import { measureModels } from './measure-models'

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
    const { plan, evidence } = await makeVariant(
      {
        parent: task.parent.path,
        step: task.step,
        seed: task.seed,
        ...calibration(dataset),
        ...(learns ? learning(dataset) : {}),
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

/**
 * Calibration samples never come from the test split. A technique that needs none is still tried on them. Without any,
 * the technique says what it needs.
 */
function calibration(dataset: Dataset | null): { calibration?: SampleSet } {
  for (const split of ['calibration', 'train'] as const) {
    const indices = dataset?.indices(split)
    if (dataset && indices && indices.length > 0) return { calibration: { dataset, indices } }
  }
  return {}
}

/** What a training learns from: the train split. Its techniques say what they need when there is none. */
function learning(dataset: Dataset | null): { training?: SampleSet } {
  const indices = dataset?.indices('train')
  return dataset && indices && indices.length > 0 ? { training: { dataset, indices } } : {}
}
