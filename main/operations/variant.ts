/** Making a variant of a model: plan → apply → write → prove in a fresh process → put in place with its evidence. */
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { z } from 'zod'
import type { Device, Evidence, Note, Plan, Step, Verification } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext, within } from '../jobs/context'
import { runtimeVersion } from '../measure/hardware'
import type { Model } from '../onnx/model'
import { filesOf, hashFiles, readModel } from '../onnx/read'
import { writeModel } from '../onnx/write'
import { startFresh } from '../runtime/fresh'
import type { Technique } from '../technique'
import { techniqueById } from '../techniques'
import { VERSION } from '../version'
import { planDigest, sidecarPath, stampModel, writeEvidence } from './evidence'
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
  calibration?: { dataset: Dataset; indices: Uint32Array }
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
  const { parent, step, seed, calibration, threads } = request
  const technique = techniqueById(step.technique)
  const options = parseOptions(technique, step.options)
  context.progress(0, 'Reading the model')
  const model = request.model ?? (await readModel(parent))
  const files = await filesOf(parent, model)
  refuseOverwriting(files, request.out)
  await breathe(context)
  // Its start-up takes as long as the planning of a small model.
  const child = startFresh({ warm: true })
  try {
    const [plan, origin] = await Promise.all([
      technique.plan({ model, calibration, seed, threads }, options, within(context, 0.02, 0.6)),
      originOf(files),
    ])
    await breathe(context)
    return await realize(model, origin, plan, { ...request, child }, context)
  } finally {
    child.kill('SIGKILL')
  }
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
 * bytes. Throws as `makeVariant`.
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
  const { parent, calibration, out, child } = request
  const technique = techniqueById(plan.technique)
  refuseOverwriting(origin.files, out)
  context.progress(0.6, 'Changing the model')
  const changed = await technique.apply(model, plan)
  const dataset =
    request.dataset ?? (calibration && usesData(technique, plan) ? datasetOf(calibration, plan) : null)
  const facts = {
    parent: origin.hash,
    plan,
    dataset: dataset?.hash ?? null,
    bantam: VERSION,
    onnxruntime: runtimeVersion(),
  }
  stampModel(changed, facts)
  const folder = await mkdtemp(join(context.tempDir, 'variant-'))
  try {
    const file = join(folder, basename(out))
    context.progress(0.7, 'Writing the file')
    const { files, sizeBytes } = await writeModel(changed, file)
    await breathe(context)
    context.progress(0.8, 'Proving the file')
    const { sizeBytes: parentBytes } = origin
    const proof = { file, model: changed, parent, parentBytes, calibration, ...(child ? { child } : {}) }
    const [verification, hash] = await Promise.all([prove(proof, context), hashFiles(files)])
    refuseWorthless(verification, request.force ?? false)
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

function datasetOf(
  { dataset, indices }: { dataset: Dataset; indices: Uint32Array },
  plan: Plan,
): NonNullable<Evidence['dataset']> {
  const used = plan.decisions.samples
  const samples = typeof used === 'number' ? used : indices.length
  return { hash: dataset.summary.hash, source: dataset.summary.spec.source, samples }
}

/** Plans that looked at samples say at how many. */
function usesData(technique: Technique, plan: Plan): boolean {
  return technique.needs !== 'nothing' || typeof plan.decisions.samples === 'number'
}

function refuseWorthless(verification: Verification, force: boolean): void {
  const wrong: Note | undefined = verification.notes.find(note => note.severity === 'error')
  if (!wrong || force) return
  throw new BantamError('gate', `The result loads but does not work: ${wrong.message}`, {
    action: 'Leave the most sensitive nodes in float, or choose another calibration.',
  })
}

/** Data first, then the model that refers to it, then the evidence of both. */
function putInPlace(files: readonly string[], out: string): Promise<void> {
  const base = basename(out)
  return placeFiles(files.map(from => ({ from, to: out + basename(from).slice(base.length) })))
}
