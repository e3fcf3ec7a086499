/** Making one variant, and what is said about it. */
import { existsSync } from 'node:fs'
import type { TaskContext } from '../../main/jobs/context'
import { checkModel } from '../../main/onnx/check'
import { modelInputs } from '../../main/onnx/inputs'
import { modelHash, readModel } from '../../main/onnx/read'
import { makeVariant } from '../../main/operations/variant'
import { learnsWith, type ModelFile } from '../../main/technique'
import { techniqueById } from '../../main/techniques'
import type { Note, Plan, Step, Verification } from '../../shared/domain'
import { formatBytes, formatDuration } from '../../shared/format'
import { ranWords } from '../../shared/ran-words'
import type { TrainingRecord } from '../../shared/training'
import { describeSize } from '../../shared/verdict'
import type { Globals } from './command'
import { drawSamples, openData } from './data'
import type { DataOptions } from './data-options'
import { requireDevice } from './device'
import { noteLines } from './notes'
import { searchTable } from './search-table'
import { columns, plain } from './terminal'
import { threadCount } from './threads'

/** Samples drawn for a technique that does not say how many it wants. */
const TRIED = 16

/** The JSON of commands that make a variant. */
export interface VariantResult {
  out: string
  sizeBytes: number
  parent: { sizeBytes: number }
  seconds: number
  plan: Plan
  notes: Note[]
  verified: Verification
}

export type StepOptions = Pick<Globals, 'seed' | 'threads' | 'device'> &
  DataOptions & { out: string; force: boolean }

/** Applies one step to a model file. Calibration samples: `samples` of the technique's options, see `drawSamples`. */
export async function runStep(
  model: string,
  step: Step,
  options: StepOptions,
  context: TaskContext,
): Promise<VariantResult & { training: TrainingRecord | undefined }> {
  const started = performance.now()
  const technique = techniqueById(step.technique)
  await requireDevice(options.device)
  // A technique that needs no data still has its result tried on real samples when there are some.
  const { data } = options
  const parent = await readModel(model)
  checkModel(parent, model)
  const dataset = data ? await openData({ ...options, data }, modelInputs(parent)) : undefined
  try {
    const parsed = technique.options.safeParse(step.options)
    const wanted = parsed.success ? numberOf(parsed.data, 'samples') : undefined
    // A search judges by samples of its own.
    const further = parsed.success ? numberOf(parsed.data, 'judged') : undefined
    const calibration = dataset && {
      dataset,
      indices: drawSamples(dataset, options.split, wanted ?? TRIED, options.seed, further),
    }
    const { plan, evidence, sizeBytes } = await makeVariant(
      {
        parent: model,
        model: parent,
        step,
        seed: options.seed,
        ...(calibration ? { calibration } : {}),
        ...(dataset && learnsWith(technique, step.options)
          ? { training: { dataset, indices: dataset.indices(options.split) } }
          : {}),
        models: await namedModels(parsed.data),
        out: options.out,
        threads: await threadCount(options.threads),
        force: options.force,
        device: options.device,
      },
      context,
    )
    return {
      out: options.out,
      sizeBytes,
      parent: { sizeBytes: evidence.parent.sizeBytes },
      seconds: (performance.now() - started) / 1000,
      plan,
      notes: [...plan.notes, ...otherDevice(plan, evidence.training)],
      verified: evidence.verification,
      training: evidence.training,
    }
  } finally {
    await dataset?.close()
  }
}

/** Tells where a training computed on another device than planned; why is in the notes of its record. */
export function otherDevice({ decisions }: Plan, training: TrainingRecord | undefined): Note[] {
  const { device } = decisions
  if (!training || typeof device !== 'string' || training.device === device) return []
  const where = training.device === 'cpu' ? 'the processor' : training.device
  const message = `The plan says ${device}, but the training ran on ${where}.`
  return [{ code: 'device-other', severity: 'warning', message }]
}

/** The model files that options name: a student, further teachers. What is no file is left to the technique. */
async function namedModels(options: unknown): Promise<Record<string, ModelFile>> {
  if (typeof options !== 'object' || !options) return {}
  const { student, teachers } = options as { student?: unknown; teachers?: unknown }
  const names = [student, ...(Array.isArray(teachers) ? teachers : [])]
  const paths = names.filter((name): name is string => typeof name === 'string' && existsSync(name))
  return Object.fromEntries(
    await Promise.all(paths.map(async path => [path, { path, hash: await modelHash(path) }] as const)),
  )
}

function numberOf(options: unknown, name: string): number | undefined {
  const given =
    typeof options === 'object' && options ? new Map(Object.entries(options)).get(name) : undefined
  return typeof given === 'number' ? given : undefined
}

/** The result for a person. */
export function describeVariant(r: VariantResult): string {
  const { parity, loads } = r.verified
  const sqnr = parity?.sqnr === null ? 'identical' : `${parity?.sqnr.toFixed(1)} dB`
  const facts = [
    ['wrote', plain(r.out)],
    [
      'size',
      `${formatBytes(r.sizeBytes)}, was ${formatBytes(r.parent.sizeBytes)}: ${describeSize(r.parent.sizeBytes, r.sizeBytes)}`,
    ],
    [
      'proven',
      loads ? 'loaded and run by a fresh process with stock ONNX Runtime' : 'does not load in ONNX Runtime',
    ],
    ...(parity
      ? [
          [
            'parity',
            `cosine ${parity.cosine.toFixed(6)}, largest difference ${parity.maxAbs.toPrecision(3)}, SQNR ${sqnr} on ${parity.samples} samples`,
          ],
        ]
      : []),
    ...(r.verified.ran ? [['ran', ranWords(r.verified.ran)]] : []),
    ['took', formatDuration(r.seconds)],
  ]
  const table = columns([['', ''], ...facts])
    .split('\n')
    .slice(1)
    .join('\n')
  const notes = noteLines([...r.notes, ...r.verified.notes])
  return [...searchTable(r.plan), table, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')
}
