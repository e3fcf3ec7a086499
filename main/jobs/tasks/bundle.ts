/** Writes a deployment bundle and packs it. */
import { join } from 'node:path'
import { openDataset } from '../../data/open'
import { writeBundle } from '../../report/bundle'
import type { Tensor } from '../../runtime/tensor'
import { VERSION } from '../../version'
import type { FileStore } from '../../workspace/store'
import { type TaskContext, within } from '../context'
import type { BundleTask, Tasks } from '../protocol'
import { writeZip } from '../zip'

/** The archive holds one folder with the variant's name. */
export async function bundle(
  task: BundleTask,
  store: FileStore,
  context: TaskContext,
): Promise<Tasks['bundle']['result']> {
  context.progress(0, 'Taking a sample')
  const folder = join(context.tempDir, 'bundle')
  const written = await writeBundle(
    {
      model: task.model.path,
      name: task.name,
      summary: task.summary,
      dataset: task.dataset,
      sample: await firstSample(task),
      evidence: task.evidence,
      evaluation: task.evaluation,
      benchmark: task.benchmark,
      generatedAt: new Date().toISOString(),
      bantam: VERSION,
    },
    folder,
    within(context, 0.1, 0.7),
  )
  context.progress(0.7, 'Packing the bundle')
  const path = join(context.tempDir, 'bundle.zip')
  const entries = written.map(file => ({
    name: `${task.folder}/${file.path}`,
    content: join(folder, file.path),
  }))
  const bytes = await writeZip(path, entries, context.signal)
  context.progress(0.9, 'Storing the bundle')
  return { file: await store.putFile(path), bytes }
}

/** The first test sample, repeated where the model's batch size is fixed. */
async function firstSample({ dataset, summary }: BundleTask): Promise<Record<string, Tensor> | null> {
  if (!dataset || dataset.count === 0) return null
  const source = await openDataset(dataset.spec, summary.inputs)
  try {
    const fixed = summary.inputs.map(input => input.shape[0]).find(d => typeof d === 'number')
    const index = source.indices('test')[0] ?? 0
    const { feeds } = await source.batch(Array.from({ length: Number(fixed ?? 1) }, () => index))
    return feeds
  } finally {
    await source.close()
  }
}
