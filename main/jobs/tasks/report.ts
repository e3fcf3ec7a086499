/** Writes the report of a study. */
import { reportHtml } from '../../report/report'
import type { FileStore } from '../../workspace/store'
import { breathe, type TaskContext } from '../context'
import type { Tasks } from '../protocol'

export async function report(
  { input }: Tasks['report']['task'],
  store: FileStore,
  context: TaskContext,
): Promise<Tasks['report']['result']> {
  context.progress(0.1, 'Writing the report')
  await breathe(context)
  const bytes = new TextEncoder().encode(reportHtml(input))
  return { file: await store.putBytes(bytes), bytes: bytes.length }
}
