/** The work of `bantam report`, and what it shares with `bantam demo`. */

import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import type { Dataset } from '../../main/data/dataset'
import type { TaskContext } from '../../main/jobs/context'
import { inspectModel } from '../../main/measure/inspect'
import type { ReportInput } from '../../main/report/input'
import { reportHtml } from '../../main/report/report'
import { VERSION } from '../../main/version'
import type { Benchmark, Device, Evaluation } from '../../shared/domain'
import { openData } from './data'
import type { MeasureOptions } from './data-options'
import { readFolder } from './folder'
import { type Measured, measureCandidates } from './measure'
import { writeWhole } from './paths'

type Options = MeasureOptions & { device: Device }

export interface ReportResult {
  out: string
  sizeBytes: number
  reference: string
  variants: VariantRow[]
}

/** Measures a folder's models and writes the report. */
export async function reportFolder(
  folder: string,
  options: Options,
  context: TaskContext,
): Promise<ReportResult> {
  const candidates = await readFolder(folder, options.reference)
  const [reference] = candidates
  const { data } = options
  const dataset =
    data && reference
      ? await openData({ ...options, data }, (await inspectModel(reference.path)).inputs)
      : null
  const generatedAt = new Date().toISOString()
  try {
    const { measured, benchmark } = await measureCandidates(
      candidates,
      { ...options, dataset, batches: options.batch, speed: options.benchmark, createdAt: generatedAt },
      context,
    )
    const name = options.name ?? basename(resolve(folder))
    await writeWhole(options.out, reportHtml(reportInput(name, measured, dataset, benchmark, generatedAt)))
    return {
      out: options.out,
      sizeBytes: (await stat(options.out)).size,
      reference: reference?.path ?? '',
      variants: measured.map(variantRow),
    }
  } finally {
    await dataset?.close()
  }
}

/** What the report is made from. */
export function reportInput(
  name: string,
  measured: readonly Measured[],
  dataset: Dataset | null,
  benchmark: Benchmark | null,
  generatedAt: string,
): ReportInput {
  return {
    study: { name },
    variants: measured.map(m => ({
      variant: m.variant,
      evaluation: m.evaluation,
      plan: m.evidence?.plan ?? null,
      profile: m.profile,
    })),
    datasets: dataset ? [dataset.summary] : [],
    benchmark,
    generatedAt,
    bantam: VERSION,
  }
}

export interface VariantRow {
  id: string
  file: string
  recipe: { technique: string; options: Record<string, unknown> } | null
  sizeBytes: number
  metrics: Evaluation['metrics']
  /** Median at batch 1 on the fewest threads; null where not measured. */
  latencyMs: number | null
}

/** One variant in the JSON of `report` and `demo`. */
export function variantRow(m: Measured): VariantRow {
  const rows = m.variant.benchmark?.rows ?? []
  const row = [...rows].sort((a, b) => a.batch - b.batch || a.threads - b.threads)[0]
  return {
    id: m.variant.name,
    file: m.path,
    recipe: m.variant.step,
    sizeBytes: m.summary.sizeBytes,
    metrics: m.evaluation?.metrics ?? {},
    latencyMs: row?.latencyMs.median ?? null,
  }
}
