/** Measuring files, as several commands do. */
import { basename } from 'node:path'
import type { Dataset } from '../../main/data/dataset'
import { type TaskContext, within } from '../../main/jobs/context'
import { benchmarkModels } from '../../main/measure/benchmark'
import { evaluateModel } from '../../main/measure/evaluate'
import { inspectModel } from '../../main/measure/inspect'
import { profileModel } from '../../main/measure/profile'
import type {
  Benchmark,
  Device,
  Evaluation,
  Evidence,
  ModelSummary,
  Profile,
  SplitName,
  Variant,
} from '../../shared/domain'
import { openData } from './data'
import type { DataOptions } from './data-options'
import { requireDevice } from './device'
import { threadCount } from './threads'

interface EvaluateOptions extends DataOptions {
  data: string
  reference?: string
  threads: number
  device: Device
}

/** Evaluates a file, and its reference before it, on the same samples. */
export async function evaluateFiles(
  model: string,
  options: EvaluateOptions,
  context: TaskContext,
): Promise<Evaluation> {
  context.progress(0, 'Reading the model')
  await requireDevice(options.device)
  const summary = await inspectModel(model)
  const threads = await threadCount(options.threads)
  const dataset = await openData(options, summary.inputs)
  try {
    const common = { dataset, split: options.split, device: options.device, threads }
    if (!options.reference) {
      return (await evaluateModel({ ...common, model, hash: summary.hash }, context)).evaluation
    }
    const reference = await inspectModel(options.reference)
    const first = await evaluateModel(
      { ...common, model: options.reference, hash: reference.hash },
      within(context, 0, 0.5),
    )
    const second = await evaluateModel(
      { ...common, model, hash: summary.hash, reference: { hash: reference.hash, outputs: first.outputs } },
      within(context, 0.5, 1),
    )
    return second.evaluation
  } finally {
    await dataset.close()
  }
}

/** A file to be measured with others. The first of a list is the reference. */
export interface Candidate {
  path: string
  name: string
  evidence: Evidence | null
}

export interface Measured {
  path: string
  variant: Variant
  summary: ModelSummary
  evaluation: Evaluation | null
  evidence: Evidence | null
  profile: Profile | null
}

interface MeasureOptions {
  dataset: Dataset | null
  split: SplitName
  batches: number[]
  threads: number[]
  runs?: number
  device: Device
  /** False: no benchmark and no profile. */
  speed: boolean
  createdAt: string
}

/** Inspects, evaluates, benchmarks (interleaved) and profiles every candidate against the first. */
export async function measureCandidates(
  candidates: readonly Candidate[],
  options: MeasureOptions,
  context: TaskContext,
): Promise<{ measured: Measured[]; benchmark: Benchmark | null }> {
  const summaries: ModelSummary[] = []
  await requireDevice(options.device)
  for (const { path } of candidates) summaries.push(await inspectModel(path))
  const evaluations = await evaluateAll(candidates, summaries, options, within(context, 0, 0.4))
  const benchmark = options.speed
    ? await benchmarkAll(candidates, summaries, options, within(context, 0.4, 0.9))
    : null
  const profiles = options.speed
    ? await profileAll(candidates, summaries, options, within(context, 0.9, 1))
    : []
  const measured = candidates.map((candidate, i) => {
    const summary = summaries[i] as ModelSummary // one per candidate
    const evaluation = evaluations[i] ?? null
    const variant = makeVariant(candidate, i, summaries, summary, evaluation, benchmark, options.createdAt)
    return { ...candidate, variant, summary, evaluation, profile: profiles[i] ?? null }
  })
  return { measured, benchmark }
}

async function evaluateAll(
  candidates: readonly Candidate[],
  summaries: readonly ModelSummary[],
  { dataset, split, device, threads }: MeasureOptions,
  context: TaskContext,
): Promise<Evaluation[]> {
  if (!dataset) return []
  const evaluations: Evaluation[] = []
  let reference: Parameters<typeof evaluateModel>[0]['reference']
  for (const [i, { path }] of candidates.entries()) {
    const hash = summaries[i]?.hash ?? ''
    const { evaluation, outputs } = await evaluateModel(
      {
        model: path,
        hash,
        dataset,
        split,
        device,
        threads: Math.max(...threads),
        ...(reference ? { reference } : {}),
      },
      within(context, i / candidates.length, (i + 1) / candidates.length),
    )
    evaluations.push(evaluation)
    reference ??= { hash, outputs }
  }
  return evaluations
}

async function benchmarkAll(
  candidates: readonly Candidate[],
  summaries: readonly ModelSummary[],
  { dataset, batches, threads, runs, device }: MeasureOptions,
  context: TaskContext,
): Promise<Benchmark> {
  const models = candidates.map(({ path, name }, i) => ({ path, name, hash: summaries[i]?.hash ?? '' }))
  return benchmarkModels(
    { models, batches, threads, device, ...(runs ? { runs } : {}), ...(dataset ? { dataset } : {}) },
    context,
  )
}

async function profileAll(
  candidates: readonly Candidate[],
  summaries: readonly ModelSummary[],
  { dataset, threads, device }: MeasureOptions,
  context: TaskContext,
): Promise<Profile[]> {
  const profiles: Profile[] = []
  for (const [i, { path }] of candidates.entries()) {
    const request = {
      model: path,
      hash: summaries[i]?.hash ?? '',
      batch: 1,
      threads: Math.min(...threads),
      device,
    }
    profiles.push(
      await profileModel(
        { ...request, ...(dataset ? { dataset } : {}) },
        within(context, i / candidates.length, (i + 1) / candidates.length),
      ),
    )
  }
  return profiles
}

function makeVariant(
  { name, evidence }: Candidate,
  index: number,
  summaries: readonly ModelSummary[],
  summary: ModelSummary,
  evaluation: Evaluation | null,
  benchmark: Benchmark | null,
  createdAt: string,
): Variant {
  const { layers: _, ...rest } = summary
  const parent = evidence ? summaries.findIndex(s => s.hash === evidence.parent.hash) : 0
  return {
    id: String(index),
    studyId: 'files',
    name,
    parentId: index === 0 ? null : String(Math.max(0, parent)),
    model: summary.hash,
    summary: rest,
    step: evidence ? { technique: evidence.plan.technique, options: evidence.plan.options } : null,
    seed: evidence?.plan.seed ?? 0,
    plan: evidence ? { digest: evidence.planDigest, notes: evidence.plan.notes } : null,
    verification: evidence?.verification ?? null,
    evaluation,
    benchmark: benchmark && {
      rows: benchmark.rows.filter(r => r.model === summary.hash),
      ratios: benchmark.ratios.filter(r => r.b === summary.hash),
      ...(benchmark.generation
        ? {
            generation: {
              rows: benchmark.generation.rows.filter(r => r.model === summary.hash),
              ratios: benchmark.generation.ratios.filter(r => r.b === summary.hash),
            },
          }
        : {}),
      at: createdAt,
    },
    createdAt,
  }
}

/** A file's name without folder and `.onnx`. */
export function modelName(path: string): string {
  return basename(path).replace(/\.onnx$/i, '')
}
