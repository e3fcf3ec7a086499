/** Proof that a written file is what its job promised. */
import { stat } from 'node:fs/promises'
import type { Device, Note, Verification } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import type { Feeds } from '../measure/inputs'
import type { Model } from '../onnx/model'
import { modelFiles } from '../onnx/read'
import { serialize } from '../onnx/write'
import { inFreshProcess } from '../runtime/fresh'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'
import { type TrialInputs, trialInputs } from './inputs'
import { compareOutputs, type Outputs } from './parity'

/** Above this many bytes no second copy of a model is loaded beside this process. */
const LARGE = 2 ** 29

export interface ProofRequest {
  /** The written file. */
  file: string
  /** The model in memory that was written. */
  model: Model
  parent: string
  calibration: { dataset: Dataset; indices: Uint32Array } | undefined
  device: Device
}

/**
 * Loads the file in a fresh process with stock ONNX Runtime, runs it, checks that it gives bit for bit what the model
 * in memory gives, and compares it with its parent. Throws `bad-model` when the file does not load or run, or gives
 * something else than the model in memory.
 */
export async function prove(request: ProofRequest, context: TaskContext): Promise<Verification> {
  const { file, model, parent, calibration } = request
  const large = (await sizeOf(parent)) > LARGE
  const options = { signal: context.signal }
  // One thread everywhere: results are then the same to the last bit.
  const optimization = large ? ('disabled' as const) : ('all' as const)
  const load = { kind: 'load' as const, device: 'cpu' as const, threads: 1, optimization }
  const inputs = await trialInputs(await inputsOf(parent, large, context), calibration)
  const reference = await runParent(parent, inputs, large, context)
  await breathe(context)
  if (reference instanceof BantamError) {
    await inFreshProcess({ ...load, model: file }, options)
    return { loads: true, parity: null, notes: [notRun(reference)] }
  }
  const [answer, expected] = await Promise.all([
    inFreshProcess({ ...load, model: file, feeds: inputs.runs }, options),
    large ? null : runInMemory(model, inputs.runs),
  ])
  const results = answer.results ?? []
  if (expected) requireSame(expected, results, file)
  const { parity, notes } = compareOutputs(reference, results, inputs.samples)
  if (!inputs.real) {
    notes.push({
      code: 'made-up-inputs',
      severity: 'info',
      message: 'Agreement with the parent was measured on made-up inputs, for there was no data.',
      action: 'Evaluate the result on real data.',
    })
  }
  return { loads: true, parity, notes: notes.map(note => (inputs.real ? note : milder(note))) }
}

/** Noise in the answer to noise proves nothing. */
function milder(note: Note): Note {
  return note.code === 'unrelated-output' || note.code === 'constant-output' ? { ...note, severity: 'warning' } : note
}

function notRun(error: BantamError): Note {
  return {
    code: 'not-compared',
    severity: 'warning',
    message: `The result loads, but could not be compared with its parent: the parent does not run on made-up inputs (${error.message})`,
    action: 'Give data, so that real inputs can be tried.',
  }
}

async function sizeOf(path: string): Promise<number> {
  const sizes = await Promise.all((await modelFiles(path)).map(async file => (await stat(file)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function inputsOf(path: string, large: boolean, context: TaskContext) {
  if (large) {
    const load = { kind: 'load' as const, model: path, threads: 1, optimization: 'disabled' as const }
    return (await inFreshProcess(load, { signal: context.signal })).inputs
  }
  const session = await openSession(path, { threads: 1, optimization: 'disabled' })
  await session.close()
  return session.inputs
}

async function runParent(
  path: string,
  inputs: TrialInputs,
  large: boolean,
  context: TaskContext,
): Promise<Outputs[] | BantamError> {
  try {
    if (!large) return await runSession(path, inputs.runs)
    const load = { kind: 'load' as const, model: path, feeds: inputs.runs, threads: 1, optimization: 'disabled' as const }
    return (await inFreshProcess(load, { signal: context.signal })).results ?? []
  } catch (error) {
    // Made-up inputs need not fit; real ones must.
    if (inputs.real || !(error instanceof BantamError) || error.code === 'cancelled') throw error
    return error
  }
}

function runInMemory(model: Model, runs: readonly Feeds[]): Promise<Outputs[]> {
  return runSession(serialize(model), runs, model.directory ?? undefined)
}

async function runSession(
  source: string | Uint8Array,
  runs: readonly Feeds[],
  directory?: string,
): Promise<Outputs[]> {
  const session = await openSession(source, { threads: 1 }, directory)
  try {
    const results: Outputs[] = []
    for (const feeds of runs) results.push(await session.run(feeds))
    return results
  } finally {
    await session.close()
  }
}

function requireSame(expected: readonly Outputs[], results: readonly Outputs[], file: string): void {
  for (const [i, run] of expected.entries()) {
    for (const [name, tensor] of Object.entries(run)) {
      const other = results[i]?.[name]
      if (other && sameBits(tensor, other)) continue
      throw new BantamError('bad-model', `The written file gives another ${name} than the model it was written from.`, {
        where: file,
        action: 'This is a fault in Bantam or ONNX Runtime; please report it.',
      })
    }
  }
}

function sameBits(a: Tensor, b: Tensor): boolean {
  if (Array.isArray(a.data) || Array.isArray(b.data)) {
    return JSON.stringify(a.data) === JSON.stringify(b.data)
  }
  const [x, y] = [a.data, b.data].map(d => Buffer.from(d.buffer, d.byteOffset, d.byteLength)) as [Buffer, Buffer]
  return a.type === b.type && x.equals(y)
}
