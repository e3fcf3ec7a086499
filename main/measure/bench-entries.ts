/** Models that are measured side by side, each with the session that is open now. */
import type { Device, Note } from '../../shared/domain'
import { errorLine, toErrorData } from '../../shared/errors'
import { openSession, type Session } from '../runtime/session'

export interface Entry {
  hash: string
  name: string
  path: string
  session: Session
  /** Milliseconds it took to open it here. */
  openMs: number
}

/** Rounds a measurement is spread over: in each, all sessions are opened anew. */
const ROUNDS = 8
/** Opening all models may take this long in each of several rounds. */
const OPEN_MS = 500

/** How many rounds these models are worth. */
export function roundsFor(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.openMs, 0) > OPEN_MS ? 1 : ROUNDS
}

/** Opens every model anew, in an order turned by one each round; the old sessions go only then, so that the new ones lie elsewhere. */
export async function reopen(
  entries: readonly Entry[],
  device: Device,
  threads: number,
  round: number,
): Promise<void> {
  const old: Session[] = []
  try {
    for (let i = 0; i < entries.length; i++) {
      // Each model is opened first, second, … equally often.
      const entry = entries[(i + round) % entries.length]
      if (!entry) continue
      const session = await openSession(entry.path, { device, threads })
      old.push(entry.session)
      entry.session = session
    }
  } finally {
    for (const session of old) await session.close()
  }
}

/** Runs a step of one model; what it throws becomes a note, except a cancel. */
export async function guarded(notes: Note[], name: string, step: () => Promise<void>): Promise<boolean> {
  try {
    await step()
    return true
  } catch (error) {
    const data = toErrorData(error)
    if (data.code === 'cancelled') throw error
    notes.push({
      code: 'benchmark.failed',
      severity: 'warning',
      message: `${name} could not be measured: ${errorLine(data)}`,
    })
    return false
  }
}
