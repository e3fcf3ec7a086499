/** Measures how much each part of a model matters. */
import { openDataset } from '../../data/open'
import { readModel } from '../../onnx/read'
import { drawSamples } from '../../prune/draw'
import { measureSensitivity } from '../../prune/sensitivity'
import { type TaskContext, within } from '../context'
import type { Tasks } from '../protocol'
import { requireCalibration } from './samples'

/** Samples are drawn alike every time, so that two models are compared on the same ones. */
const SEED = 0

/** Throws `bad-data` for data without a sample outside the test split, and what measuring throws. */
export async function sensitivity(
  task: Tasks['sensitivity']['task'],
  context: TaskContext,
): Promise<Tasks['sensitivity']['result']> {
  const { model: ref, dataset: hash, importance, keeps, threads } = task
  context.progress(0, 'Opening the data')
  const dataset = await openDataset(task.spec, task.inputs)
  try {
    const found = requireCalibration(dataset)
    const samples = drawSamples(found, task.samples, SEED)
    const model = await readModel(ref.path)
    const sensitivity = await measureSensitivity(
      { model, keeps, importance, samples, seed: SEED, threads },
      within(context, 0.02, 1),
    )
    return { model: ref.hash, dataset: hash, sensitivity }
  } finally {
    await dataset.close()
  }
}
