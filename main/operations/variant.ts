/** Making a variant of a model: plan → apply → write → prove in a fresh process → put in place with its evidence. */
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { z } from 'zod'
import type { Device, Evidence, Note, Plan, Step, Verification } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TrainingRecord } from '../../shared/training'
import { breathe, type TaskContext, within } from '../jobs/context'
import { runtimeVersion } from '../measure/hardware'
import type { Model } from '../onnx/model'
import { filesOf, hashFiles, readModel } from '../onnx/read'
import { writeModel } from '../onnx/write'
import type { StatisticsStore } from '../quantize/calibrate/statistics'
import { startFresh } from '../runtime/fresh'
import { learnsWith, type ModelFile, type PlanInput, type SampleSet, type Technique } from '../technique'
import { techniqueById } from '../techniques'
import { VERSION } from '../version'
import { planDigest, sidecarPath, stampModel, writeEvidence } from './evidence'
import { keepPlan, keptPlan } from './kept-plan'
import { placeFiles } from './place'
import { prove } from './prove'

export interface VariantRequest {
  /** Path of the model to change. */
  parent: string
  /** The parent, where it was read already. */
  model?: Model
  step: Step
  seed: number
  /** Samples for calibration, outside the test split. Also what the result is tried on. */
  calibration?: SampleSet
  /** Where statistics of activations are kept between plans. */
  statistics?: StatisticsStore
  /** Samples to learn from, for techniques that learn. */
  training?: SampleSet
  /** Files of the models that the options refer to, by the reference. */
  models?: Readonly<Record<string, ModelFile>>
  out: string
  threads: number
  device: Device
  /** Keeps a result that loads but whose answers are worthless; its notes still say so. */
  force?: boolean
}

export interface MadeVariant {
  plan: Plan
  evidence: Evidence
  sizeBytes: number
}

/**
 * Makes a variant. Throws `bad-option` (technique, options, output path), what reading, planning and applying throw,
 * `bad-model` when the result does not load or run, `gate` when its answers are worthless (not finite, constant, or
 * unrelated to the parent's). On any failure, and when cancelled, nothing is left behind.
 */
export async function makeVariant(request: VariantRequest, context: TaskContext): Promise<MadeVariant> {
  const { parent, step, seed, calibration, threads, device, training, models } = request
  const technique = techniqueById(step.technique)
  const options = parseOptions(technique, step.options)
  context.progress(0, 'Reading the model')
  const model = request.model ?? (await readModel(parent))
  const files = await filesOf(parent, model)
  refuseOverwriting(files, request.out)
  await breathe(context)
  // Its start-up takes as long as the planning of a small model; nobody keeps it waiting for a training.
  const learns = technique.learns?.(options) ?? false
  const child = learns ? undefined : startFresh({ warm: true })
  try {
    const { statistics } = request
    const input = {
      model,
      calibration,
      seed,
      threads,
      device,
      training,
      statistics,
      ...(models ? { models } : {}),
    }
    const asked = within(context, 0.02, learns ? 0.04 : 0.6)
    const [plan, origin] = learns
      ? await planOnce(request, technique, input, options, await originOf(files), asked)
      : await Promise.all([technique.plan(input, options, asked), originOf(files)])
    await breathe(context)
    return await realize(model, origin, plan, { ...request, ...(child ? { child } : {}) }, context)
  } finally {
    child?.kill('SIGKILL')
  }
}

/** A training that goes on goes on with the plan it was begun with. */
async function planOnce(
  { step, seed, training }: VariantRequest,
  technique: Technique,
  input: PlanInput,
  options: z.output<Technique['options']>,
  origin: Origin,
  context: TaskContext,
): Promise<[Plan, Origin]> {
  const { keepDir } = context
  const data = training?.dataset.summary.hash ?? ''
  const asked = {
    step: { technique: step.technique, options: options as Record<string, unknown> },
    seed,
    data,
  }
  const request = { ...asked, parent: origin.hash }
  const kept = keepDir === undefined ? undefined : await keptPlan(keepDir, request)
  if (kept) return [kept, origin]
  const plan = await technique.plan(input, options, context)
  if (keepDir !== undefined) await keepPlan(keepDir, request, plan)
  return [plan, origin]
}

/** The files a model lies in, and what evidence says of them. */
export interface Origin {
  files: string[]
  hash: string
  sizeBytes: number
}

/** Of a model's files in the order of `modelFiles`. */
export async function originOf(files: string[]): Promise<Origin> {
  const [hash, sizes] = await Promise.all([
    hashFiles(files),
    Promise.all(files.map(async file => (await stat(file)).size)),
  ])
  return { files, hash, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/**
 * The second half of `makeVariant`, from a plan that exists already: the same plan, parent and versions give the same
 * bytes (of a training also the same data, processor and number of threads). Throws as `makeVariant`.
 */
export async function realize(
  model: Model,
  origin: Origin,
  plan: Plan,
  request: Omit<VariantRequest, 'step' | 'seed' | 'model'> & {
    dataset?: Evidence['dataset']
    child?: ChildProcess
  },
  context: TaskContext,
): Promise<MadeVariant> {
  const { parent, calibration, training, out, child } = request
  const technique = techniqueById(plan.technique)
  refuseOverwriting(origin.files, out)
  const learns = learnsWith(technique, plan.options)
  const [from, to] = learns ? [0.04, 0.97] : [0.6, 0.7]
  context.progress(from, 'Changing the model')
  let record: TrainingRecord | undefined
  const changed = await technique.apply(model, plan, {
    ...request,
    context: within(context, from, to),
    record: told => {
      record = told
    },
  })
  const used = learns ? training : calibration
  const dataset =
    request.dataset ?? (used && (learns || usesData(technique, plan)) ? datasetOf(used, plan) : null)
  const facts = {
    parent: origin.hash,
    plan,
    defaults: defaultsOf(technique),
    dataset: dataset?.hash ?? null,
    bantam: VERSION,
    onnxruntime: runtimeVersion(),
  }
  stampModel(changed, facts)
  const folder = await mkdtemp(join(context.tempDir, 'variant-'))
  try {
    const file = join(folder, basename(out))
    context.progress(to, 'Writing the file')
    const { files, sizeBytes } = await writeModel(changed, file)
    await breathe(context)
    context.progress(learns ? 0.98 : 0.8, 'Proving the file')
    const { sizeBytes: parentBytes } = origin
    const tried = calibration ?? training
    const proof = {
      file,
      model: changed,
      parent,
      parentBytes,
      calibration: tried,
      plan,
      ...(child ? { child } : {}),
    }
    const [proven, hash] = await Promise.all([prove(proof, context), hashFiles(files)])
    const verification = learns ? asLearnt(proven) : technique.lossy ? asLossy(proven) : proven
    if (!request.force) refuseWorthless(verification, learns)
    const evidence: Evidence = {
      format: 'bantam-evidence',
      version: 1,
      bantam: facts.bantam,
      onnxruntime: facts.onnxruntime,
      parent: { hash: origin.hash, sizeBytes: origin.sizeBytes },
      result: { hash, sizeBytes },
      plan,
      planDigest: planDigest(plan),
      dataset,
      verification,
      ...(record ? { training: record } : {}),
      createdAt: new Date().toISOString(),
    }
    await writeEvidence(sidecarPath(file), evidence)
    await breathe(context)
    await putInPlace([...files.slice(1), file, sidecarPath(file)], out)
    context.progress(1, 'Done')
    return { plan, evidence, sizeBytes }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Options with defaults. Throws `bad-option` naming the option. */
export function parseOptions(
  technique: Technique,
  options: Record<string, unknown>,
): z.output<Technique['options']> {
  const known = techniqueFields(technique)
  const stranger = Object.keys(options).find(key => known.length > 0 && !known.includes(key))
  if (stranger !== undefined) {
    throw new BantamError('bad-option', `${technique.title} has no option ${stranger}.`, {
      where: stranger,
      action: `Its options are ${known.join(', ')}.`,
    })
  }
  const parsed = technique.options.safeParse(options)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BantamError('bad-option', `The option ${issue?.path.join('.')} is invalid: ${issue?.message}.`, {
    where: issue?.path.join('.') ?? technique.id,
  })
}

/** Options where nothing is chosen; none for a technique that cannot do without a choice. */
function defaultsOf(technique: Technique): Record<string, unknown> {
  const { success, data } = technique.options.safeParse({})
  return success && data !== null && typeof data === 'object' ? { ...data } : {}
}

function techniqueFields(technique: Technique): string[] {
  const { options } = technique
  return 'shape' in options && typeof options.shape === 'object' && options.shape
    ? Object.keys(options.shape)
    : []
}

function refuseOverwriting(files: readonly string[], out: string): void {
  const inputs = files.map(file => resolve(file))
  const taken = [out, `${out}.data`].find(path => inputs.includes(resolve(path)))
  if (!taken) return
  throw new BantamError('bad-option', 'The result would overwrite the model it is made from.', {
    where: taken,
    action: 'Choose another output path.',
  })
}

const DIFFERS = ['unrelated-output', 'weak-agreement']

/** A net that was trained is its own function: that it differs from its parent says nothing. */
function asLearnt(verification: Verification): Verification {
  return { ...verification, notes: verification.notes.filter(note => !DIFFERS.includes(note.code)) }
}

/** What lost much is kept, with a warning. */
function asLossy(verification: Verification): Verification {
  const notes = verification.notes.map((note): Note => {
    if (note.code !== 'unrelated-output') return note
    return { ...note, severity: 'warning', action: 'Let it recover, or take less away.' }
  })
  return { ...verification, notes }
}

function datasetOf({ dataset, indices }: SampleSet, plan: Plan): NonNullable<Evidence['dataset']> {
  const used = plan.decisions.samples
  const samples = typeof used === 'number' ? used : indices.length
  return { hash: dataset.summary.hash, source: dataset.summary.spec.source, samples }
}

/** Plans that looked at samples say at how many. */
function usesData(technique: Technique, plan: Plan): boolean {
  return technique.needs !== 'nothing' || typeof plan.decisions.samples === 'number'
}

function refuseWorthless(verification: Verification, learnt: boolean): void {
  const wrong: Note | undefined = verification.notes.find(note => note.severity === 'error')
  if (!wrong) return
  throw new BantamError('gate', `The result loads but does not work: ${wrong.message}`, {
    action: learnt
      ? 'Train with a lower learning rate, or for longer.'
      : 'Leave the most sensitive nodes in float, or choose another calibration.',
  })
}

/** Data first, then the model that refers to it, then the evidence of both. */
function putInPlace(files: readonly string[], out: string): Promise<void> {
  const base = basename(out)
  return placeFiles(files.map(from => ({ from, to: out + basename(from).slice(base.length) })))
}
