/** Measures what each layer of a model loses in 8 bits. */
import { openDataset } from '../../data/open'
import { readModel } from '../../onnx/read'
import { parseOptions } from '../../operations/variant'
import { folderStore, statisticsFolder } from '../../quantize/calibrate/statistics-folder'
import { identityOf } from '../../quantize/sensitivity/kept'
import { measureQuantization } from '../../quantize/sensitivity/measure'
import { measuredSamples } from '../../quantize/sensitivity/samples'
import type { StaticOptions } from '../../quantize/static/options'
import { staticInt8 } from '../../quantize/static-int8'
import type { FileStore } from '../../workspace/store'
import { type TaskContext, within } from '../context'
import type { Tasks } from '../protocol'
import { requireCalibration } from './samples'

type Task = Tasks['quantize-sensitivity']['task']

/** Throws `bad-data` for data without a sample outside the test split, and what measuring throws. */
export async function quantizeSensitivity(
  task: Task,
  store: FileStore,
  context: TaskContext,
): Promise<Tasks['quantize-sensitivity']['result']> {
  const { model: ref, dataset: hash, threads, samples: count } = task
  context.progress(0, 'Opening the data')
  const options = parseOptions(staticInt8, task.options) as StaticOptions // of this technique's schema
  const dataset = await openDataset(task.spec, task.inputs)
  try {
    const calibration = requireCalibration(dataset)
    const sensitivity = await measureQuantization(
      {
        model: await readModel(ref.path),
        options,
        calibration,
        samples: measuredSamples(calibration, options.samples, count),
        threads,
        statistics: folderStore(statisticsFolder(store)),
        identity: identityOf([ref.hash, hash, dataset.summary.spec, options, count]),
      },
      within(context, 0.02, 1),
    )
    return { model: ref.hash, dataset: hash, sensitivity }
  } finally {
    await dataset.close()
  }
}
