/** The child's half of every kind of job. */
import type { FileStore } from '../../workspace/store'
import type { TaskContext } from '../context'
import type { AnyTask } from '../protocol'
import { bundle } from './bundle'
import { importDataset } from './import-dataset'
import { importModel } from './import-model'
import { measure } from './measure'
import { quantizeSensitivity } from './quantize-sensitivity'
import { report } from './report'
import { sensitivity } from './sensitivity'
import { makeAndMeasure } from './variant'

/** Runs a task; answers with the result of its kind. Throws what the task throws. */
export function runTask(task: AnyTask, store: FileStore, context: TaskContext): Promise<unknown> {
  switch (task.kind) {
    case 'import-model':
      return importModel(task, store, context)
    case 'import-dataset':
      return importDataset(task, store, context)
    case 'variant':
      return makeAndMeasure(task, store, context)
    case 'measure':
      return measure(task, store, context)
    case 'sensitivity':
      return sensitivity(task, context)
    case 'quantize-sensitivity':
      return quantizeSensitivity(task, store, context)
    case 'report':
      return report(task, store, context)
    case 'bundle':
      return bundle(task, store, context)
  }
}
