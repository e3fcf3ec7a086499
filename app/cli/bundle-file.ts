/** The work of `bantam bundle`. */
import { type TaskContext, within } from '../../main/jobs/context'
import { inspectModel } from '../../main/measure/inspect'
import { readEvidence } from '../../main/operations/evidence'
import { type BundleFile, writeBundle } from '../../main/report/bundle'
import { VERSION } from '../../main/version'
import type { Device } from '../../shared/domain'
import { openData } from './data'
import type { MeasureOptions } from './data-options'
import { type Candidate, measureCandidates, modelName } from './measure'

type Options = MeasureOptions & { device: Device }

/** Measures a model, where there is data to measure it on, and writes its bundle. */
export async function bundleFile(
  model: string,
  options: Options,
  context: TaskContext,
): Promise<{ out: string; files: BundleFile[] }> {
  const summary = await inspectModel(model)
  const { data, reference } = options
  const dataset = data ? await openData({ ...options, data }, summary.inputs) : null
  const generatedAt = new Date().toISOString()
  const name = options.name ?? modelName(model)
  const evidence = await readEvidence(model)
  try {
    const candidates: Candidate[] = [
      ...(reference ? [{ path: reference, name: modelName(reference), evidence: null }] : []),
      { path: model, name, evidence },
    ]
    const { measured, benchmark } = await measureCandidates(
      candidates,
      { ...options, dataset, batches: options.batch, speed: options.benchmark, createdAt: generatedAt },
      within(context, 0, 0.9),
    )
    const sample = dataset ? (await dataset.batch(dataset.indices(options.split).slice(0, 1))).feeds : null
    const files = await writeBundle(
      {
        model,
        name,
        summary,
        dataset: dataset?.summary ?? null,
        sample,
        evidence,
        evaluation: measured.at(-1)?.evaluation ?? null,
        benchmark,
        generatedAt,
        bantam: VERSION,
      },
      options.out,
      within(context, 0.9, 1),
    )
    return { out: options.out, files }
  } finally {
    await dataset?.close()
  }
}
