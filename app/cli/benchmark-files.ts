/** The work of `bantam benchmark`. */
import type { TaskContext } from '../../main/jobs/context'
import { benchmarkModels } from '../../main/measure/benchmark'
import { inspectModel } from '../../main/measure/inspect'
import type { Benchmark, Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { openData } from './data'
import type { DataOptions } from './data-options'
import { requireDevice } from './device'

interface Options extends DataOptions {
  batch: number[]
  threads: number[]
  runs?: number
  prompt?: number
  generate?: number
  device: Device
}

/** Benchmarks files, interleaved. `paths` leads from hash to path. Throws `bad-option` when two have the same content. */
export async function benchmarkFiles(
  models: readonly string[],
  options: Options,
  context: TaskContext,
): Promise<{ benchmark: Benchmark; paths: Map<string, string> }> {
  const paths = new Map<string, string>()
  await requireDevice(options.device)
  const list: { path: string; hash: string; name: string }[] = []
  const summaries = []
  for (const path of models) {
    const summary = await inspectModel(path)
    const twin = paths.get(summary.hash)
    if (twin) {
      throw new BantamError('bad-option', 'Two of the models are the same file.', {
        where: `${twin}, ${path}`,
        action: 'Name every model once.',
      })
    }
    paths.set(summary.hash, path)
    list.push({ path, hash: summary.hash, name: path })
    summaries.push(summary)
  }
  const { data } = options
  const dataset = data ? await openData({ ...options, data }, summaries[0]?.inputs ?? []) : undefined
  try {
    const benchmark = await benchmarkModels(
      {
        models: list,
        batches: options.batch,
        threads: options.threads,
        device: options.device,
        ...(options.runs ? { runs: options.runs } : {}),
        ...(options.prompt ? { prompt: options.prompt } : {}),
        ...(options.generate ? { generate: options.generate } : {}),
        ...(dataset ? { dataset } : {}),
      },
      context,
    )
    return { benchmark, paths }
  } finally {
    await dataset?.close()
  }
}
