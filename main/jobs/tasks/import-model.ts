/** Checks a model, copies it into the store, and inspects the copy. */
import { inspectModel } from '../../measure/inspect'
import { checkModel } from '../../onnx/check'
import { modelHash, readModel } from '../../onnx/read'
import { putModel } from '../../workspace/model-files'
import type { FileStore } from '../../workspace/store'
import { breathe, type TaskContext } from '../context'
import type { Tasks } from '../protocol'

/** Throws `bad-file` or `bad-model` before anything is stored; the copy is proven equal to what was checked. */
export async function importModel(
  { path }: Tasks['import-model']['task'],
  store: FileStore,
  context: TaskContext,
): Promise<Tasks['import-model']['result']> {
  context.progress(0.02, 'Reading the model')
  checkModel(await readModel(path), path)
  await breathe(context)
  const hash = await modelHash(path)
  context.progress(0.3, 'Copying the model into the workspace')
  await putModel(store, path, hash)
  await breathe(context)
  context.progress(0.6, 'Inspecting the model')
  return { summary: await inspectModel(store.modelPath(hash)) }
}
