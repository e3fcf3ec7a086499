/** For previews: the latency of a changed model next to the one it was made from. */
import { errorLine, toErrorData } from '../../shared/errors'
import { fixedBatch, makeFeeds } from '../measure/inputs'
import { momentaryRatio } from '../measure/moment'
import { openSession } from '../runtime/session'

type Ratio = Awaited<ReturnType<typeof momentaryRatio>>

/** Latency of `path` relative to `parent`, or the reason as a further note where it could not be measured. */
export async function speedNextTo(
  parent: string,
  path: string,
  notes: readonly string[],
): Promise<{ latency: Ratio | null; notes: string[] }> {
  try {
    return { latency: await latencyOf(parent, path), notes: [...notes] }
  } catch (error) {
    return {
      latency: null,
      notes: [...notes, `Its speed could not be measured: ${errorLine(toErrorData(error))}`],
    }
  }
}

/** Batch 1 (or the batch that the model fixes), one thread, as benchmarks have it; made-up inputs. */
async function latencyOf(parent: string, path: string): Promise<Ratio> {
  const a = await openSession(parent, { threads: 1 })
  try {
    const b = await openSession(path, { threads: 1 })
    try {
      const feeds = makeFeeds(a.inputs, fixedBatch(a.inputs) ?? 1)
      return await momentaryRatio(
        () => a.run(feeds),
        () => b.run(feeds),
      )
    } finally {
      await b.close()
    }
  } finally {
    await a.close()
  }
}
