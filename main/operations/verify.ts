/** Verifying a file on its own: is it whole, does it load and run, and is it what its evidence says? */
import { stat } from 'node:fs/promises'
import type { Evidence, Note, Verification } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TaskContext } from '../jobs/context'
import { fixedBatch, makeFeeds } from '../measure/inputs'
import { checkModel } from '../onnx/check'
import { modelFiles, modelHash, readModel } from '../onnx/read'
import { inFreshProcess } from '../runtime/fresh'
import { toNumbers } from '../runtime/tensor'
import { modelStamp, planDigest, readEvidence } from './evidence'

export interface FileVerification extends Verification {
  hash: string
  /** The evidence beside the file; null when there is none. */
  evidence: Evidence | null
  /** Whether file, metadata and evidence agree; null without evidence. */
  intact: boolean | null
  loadMs: number
}

/**
 * Verifies a model file. Throws what reading and checking throw, `bad-model` when ONNX Runtime refuses it,
 * `bad-file` when its evidence is damaged. A file that differs from its evidence gets notes of severity `error`.
 */
export async function verifyFile(path: string, context: TaskContext): Promise<FileVerification> {
  context.progress(0, 'Reading the model')
  const model = await readModel(path)
  checkModel(model, path)
  const [hash, evidence] = await Promise.all([modelHash(path), readEvidence(path)])
  const found = { hash, sizeBytes: await sizeOf(path), stamp: modelStamp(model) }
  const notes = evidence ? contradictions(found, evidence) : [noEvidence()]
  context.progress(0.3, 'Loading in a fresh process')
  const load = { kind: 'load' as const, model: path, device: 'cpu' as const, threads: 1 }
  const { loadMs, inputs } = await inFreshProcess(load, { signal: context.signal })
  context.progress(0.6, 'Running in a fresh process')
  notes.push(...(await trialNotes(load, inputs, context)))
  context.progress(1, 'Done')
  return {
    loads: true,
    parity: evidence?.verification.parity ?? null,
    notes,
    hash,
    evidence,
    intact: evidence ? !notes.some(note => note.code.startsWith('evidence-')) : null,
    loadMs,
  }
}

/** Bytes of the model with its external data. */
async function sizeOf(path: string): Promise<number> {
  const sizes = await Promise.all((await modelFiles(path)).map(async file => (await stat(file)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

function noEvidence(): Note {
  return {
    code: 'no-evidence',
    severity: 'info',
    message: 'There is no evidence beside the file (FILE.bantam.json), so its origin cannot be checked.',
  }
}

/** What the evidence says of the file that the file itself does not bear out. */
function contradictions(
  { hash, sizeBytes, stamp }: { hash: string; sizeBytes: number; stamp: Record<string, string> },
  evidence: Evidence,
): Note[] {
  const found: Note[] = []
  const say = (code: string, message: string) => found.push({ code, severity: 'error', message })
  if (evidence.result.hash !== hash)
    say('evidence-hash', 'The file is not the one its evidence describes: its hash differs.')
  else if (evidence.result.sizeBytes !== sizeBytes) {
    say(
      'evidence-size',
      `The evidence speaks of ${evidence.result.sizeBytes} bytes; the file has ${sizeBytes}.`,
    )
  }
  const digest = planDigest(evidence.plan)
  if (evidence.planDigest !== digest)
    say('evidence-plan', 'The plan in the evidence was changed: its digest differs.')
  if (stamp.plan !== undefined && stamp.plan !== evidence.planDigest) {
    say('evidence-metadata', "The file's metadata names another plan than its evidence.")
  }
  if (stamp.parent !== undefined && stamp.parent !== evidence.parent.hash) {
    say('evidence-parent', "The file's metadata names another parent than its evidence.")
  }
  return found
}

async function trialNotes(
  load: Parameters<typeof inFreshProcess>[0] & { kind: 'load' },
  inputs: Parameters<typeof makeFeeds>[0],
  context: TaskContext,
): Promise<Note[]> {
  try {
    const feeds = makeFeeds(inputs, fixedBatch(inputs) ?? 1)
    const { results } = await inFreshProcess({ ...load, feeds }, { signal: context.signal })
    const broken = Object.entries(results?.[0] ?? {}).filter(
      ([, tensor]) => tensor.type !== 'string' && toNumbers(tensor).some(Number.isNaN),
    )
    return broken.map(([name]) => ({
      code: 'not-a-number',
      severity: 'warning',
      message: `Output ${name} holds values that are not numbers on made-up inputs.`,
    }))
  } catch (error) {
    if (!(error instanceof BantamError) || error.code === 'cancelled' || error.code === 'crashed') throw error
    return [
      {
        code: 'not-run',
        severity: 'info',
        message: `The file loads; it was not run, for made-up inputs do not fit it (${error.message})`,
      },
    ]
  }
}
