/** Reads every sample of a dataset once, and runs the teacher on some of them: what is imported works. */

import { checkDataset } from '../../data/check'
import type { Dataset } from '../../data/dataset'
import { openDataset } from '../../data/open'
import { datasetTokenizer } from '../../data/text/locate'
import { openSession } from '../../runtime/session'
import type { FileStore } from '../../workspace/store'
import { type TaskContext, within } from '../context'
import type { Tasks } from '../protocol'

/**
 * Data stay where they are; a tokenizer is copied into the store, under its digest.
 * Throws `bad-data` naming the sample when one cannot be read, or when the teacher refuses the data.
 */
export async function importDataset(
  { spec, teacher, inputs, device, threads }: Tasks['import-dataset']['task'],
  store: FileStore,
  context: TaskContext,
): Promise<Tasks['import-dataset']['result']> {
  context.progress(0, 'Opening the data')
  const dataset = await openDataset(spec, inputs)
  try {
    await tryTeacher(dataset, teacher.path, { device, threads })
    const { notes } = await checkDataset(dataset, inputs, within(context, 0.1, 1))
    const tokenizer = datasetTokenizer(dataset.summary.spec)
    if (tokenizer !== undefined) await store.putFile(tokenizer)
    const picture = dataset.summary.count > 0 ? await dataset.picture(0) : null
    const summary = { ...dataset.summary, notes: [...dataset.summary.notes, ...notes] }
    return { summary, pictures: picture !== null }
  } finally {
    await dataset.close()
  }
}

/** One sample: batch axes that are fixed at another size are the evaluation's concern. */
async function tryTeacher(
  dataset: Dataset,
  path: string,
  options: Parameters<typeof openSession>[1],
): Promise<void> {
  if (dataset.summary.count === 0) return
  const session = await openSession(path, options)
  try {
    const fixed = session.inputs.map(i => i.shape[0]).find(d => typeof d === 'number')
    const size = typeof fixed === 'number' ? Math.max(1, fixed) : 1
    const { feeds } = await dataset.batch(Array.from({ length: size }, (_, i) => i % dataset.summary.count))
    await session.run(feeds)
  } finally {
    await session.close()
  }
}
