/** Proof that a written file is what its job promised. */
import type { ChildProcess } from 'node:child_process'
import type { Note, Plan, RanKernels, Saturation, Verification } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import type { Feeds } from '../measure/inputs'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { serialize } from '../onnx/write'
import { inFreshProcess, type LoadRequest } from '../runtime/fresh'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'
import { elsewhere, saturationNote } from './elsewhere'
import { type TrialInputs, trialInputs } from './inputs'
import { compareOutputs, type Outputs } from './parity'
import { fallbackNote, fileRan, profileFolder } from './ran'

/** Above this many bytes no second copy of a model is loaded beside this process. */
const LARGE = 2 ** 29

export interface ProofRequest {
  /** The written file. */
  file: string
  /** The model in memory that was written. */
  model: Model
  parent: string
  /** Bytes of the parent's files. */
  parentBytes: number
  calibration: { dataset: Dataset; indices: Uint32Array } | undefined
  /** What was decided: of quantizations it is looked at what really ran in 8 bits. */
  plan: Plan
  /** A process from `startFresh`, to save the wait for it. */
  child?: ChildProcess
}

/**
 * Loads the file in a fresh process with stock ONNX Runtime, runs it, checks that it gives bit for bit what the model
 * in memory gives, and compares it with its parent. Throws `bad-model` when the file does not load or run, or gives
 * something else than the model in memory.
 */
export async function prove(request: ProofRequest, context: TaskContext): Promise<Verification> {
  const { file, model, parent, parentBytes, calibration, child } = request
  const large = parentBytes > LARGE
  const options = { signal: context.signal, ...(child ? { child } : {}) }
  // One thread everywhere: results are then the same to the last bit.
  const optimization = large ? ('disabled' as const) : ('all' as const)
  const load = { kind: 'load' as const, device: 'cpu' as const, threads: 1, optimization }
  const inputs = await trialInputs(modelInputs(model), calibration)
  if (large) {
    // One model in memory at a time.
    const reference = await runParent(parent, inputs, load, context)
    const feeds = reference instanceof BantamError ? {} : { feeds: inputs.runs }
    const { results } = await inFreshProcess({ ...load, model: file, ...feeds }, options)
    return judge(reference, results ?? [], inputs)
  }
  // Made-up inputs need not fit the model: whether they do is found out first, in the process at hand.
  const tried = inputs.real ? undefined : await runHere(parent, inputs)
  await breathe(context)
  if (tried instanceof BantamError) {
    await inFreshProcess({ ...load, model: file }, options)
    return judge(tried, [], inputs)
  }
  const quantizes = request.plan.technique.startsWith('quantize.')
  const profile = quantizes ? await profileFolder(context) : undefined
  // All in the time that the fresh process takes to start, load and answer.
  const [answer, expected, reference, saturation] = await Promise.all([
    inFreshProcess({ ...load, model: file, feeds: inputs.runs, ...profile }, options),
    runSession(serialize(model), inputs.runs, model.directory ?? undefined),
    tried ?? runSession(parent, inputs.runs),
    quantizes ? elsewhere(model, inputs, context) : undefined,
  ])
  requireSame(expected, answer.results ?? [], file)
  const verification = judge(reference, answer.results ?? [], inputs)
  const ran = profile && (await fileRan(profile, request.plan))
  return withFindings(verification, { ran, saturation }, request.plan)
}

function withFindings(
  verification: Verification,
  { ran, saturation }: { ran: RanKernels | undefined; saturation: Saturation | undefined },
  { options }: Plan,
): Verification {
  const notes = [ran && fallbackNote(ran), saturation && saturationNote(saturation, options)]
  return {
    ...verification,
    ...(ran ? { ran } : {}),
    ...(saturation ? { saturation } : {}),
    notes: [...verification.notes, ...notes.filter(note => note !== null && note !== undefined)],
  }
}

function judge(reference: Outputs[] | BantamError, results: Outputs[], inputs: TrialInputs): Verification {
  if (reference instanceof BantamError) return { loads: true, parity: null, notes: [notRun(reference)] }
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
  return note.code === 'unrelated-output' || note.code === 'constant-output'
    ? { ...note, severity: 'warning' }
    : note
}

function notRun(error: BantamError): Note {
  return {
    code: 'not-compared',
    severity: 'warning',
    message: `The result loads, but could not be compared with its parent: the parent does not run on made-up inputs (${error.message})`,
    action: 'Give data, so that real inputs can be tried.',
  }
}

/** The parent's outputs; the error instead where made-up inputs do not fit it. */
async function runParent(
  path: string,
  inputs: TrialInputs,
  load: Omit<LoadRequest, 'model' | 'feeds'>,
  context: TaskContext,
): Promise<Outputs[] | BantamError> {
  try {
    const request = { ...load, model: path, feeds: inputs.runs }
    return (await inFreshProcess(request, { signal: context.signal })).results ?? []
  } catch (error) {
    return unlessReal(error, inputs)
  }
}

async function runHere(path: string, inputs: TrialInputs): Promise<Outputs[] | BantamError> {
  try {
    return await runSession(path, inputs.runs)
  } catch (error) {
    return unlessReal(error, inputs)
  }
}

function unlessReal(error: unknown, inputs: TrialInputs): BantamError {
  if (inputs.real || !(error instanceof BantamError) || error.code === 'cancelled') throw error
  return error
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
      throw new BantamError(
        'bad-model',
        `The written file gives another ${name} than the model it was written from.`,
        {
          where: file,
          action: 'This is a fault in Bantam or ONNX Runtime; please report it.',
        },
      )
    }
  }
}

function sameBits(a: Tensor, b: Tensor): boolean {
  if (Array.isArray(a.data) || Array.isArray(b.data)) {
    return JSON.stringify(a.data) === JSON.stringify(b.data)
  }
  const [x, y] = [a.data, b.data].map(d => Buffer.from(d.buffer, d.byteOffset, d.byteLength)) as [
    Buffer,
    Buffer,
  ]
  return a.type === b.type && x.equals(y)
}
