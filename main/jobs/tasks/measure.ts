/** Measures variants together with the teacher. */

import { BantamError } from '../../../shared/errors'
import { openDataset } from '../../data/open'
import type { FileStore } from '../../workspace/store'
import type { TaskContext } from '../context'
import type { Measurements, Tasks } from '../protocol'
import { measureModels } from './measure-models'

/** Parts that fail leave a note. Throws the first of them when nothing at all could be measured. */
export async function measure(
  task: Tasks['measure']['task'],
  store: FileStore,
  context: TaskContext,
): Promise<Measurements> {
  context.progress(0, 'Opening the data')
  const dataset = task.dataset && (await openDataset(task.dataset.spec, task.inputs))
  try {
    const result = await measureModels(task, dataset, store, context)
    const [first] = result.notes
    if (first && result.evaluations.length === 0 && !result.benchmark) {
      throw new BantamError('bad-model', first.message, { ...(first.action ? { action: first.action } : {}) })
    }
    for (const note of result.notes) context.log(note.message)
    return result
  } finally {
    await dataset?.close()
  }
}
