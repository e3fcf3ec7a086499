/** One command's work: its temporary folder, its cancellation, and cleaning up however it ends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskContext } from '../../main/jobs/context'
import { BantamError } from '../../shared/errors'
import { searchLines } from './search-lines'
import type { Terminal } from './terminal'

/** After an interrupt the work gets this long to stop by itself, if its command gives it no other time. */
const GRACE_MS = 3000
export const EXIT_INTERRUPTED = 130

/**
 * Runs `work` with a context whose temporary folder is gone afterwards. SIGINT and SIGTERM cancel the work; where it
 * does not stop by itself, or on a second signal, the folder is removed and the process exits with 130.
 */
export async function withTask<T>(
  terminal: Terminal,
  work: (context: TaskContext) => Promise<T>,
  graceMs = GRACE_MS,
): Promise<T> {
  const tempDir = mkdtempSync(join(tmpdir(), 'bantam-'))
  const controller = new AbortController()
  const cleanUp = () => rmSync(tempDir, { recursive: true, force: true })
  const leave = () => {
    cleanUp()
    terminal.say('Cancelled.')
    process.exit(EXIT_INTERRUPTED)
  }
  const interrupt = () => {
    if (controller.signal.aborted) return leave()
    controller.abort()
    setTimeout(leave, graceMs).unref()
  }
  process.on('exit', cleanUp)
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const context: TaskContext = {
    progress: (fraction, stage) => terminal.progress(fraction, stage),
    // Logs are for jobs' drawers; a command says what matters in its result.
    log: () => undefined,
    search: searchLines(line => terminal.say(line)),
    signal: controller.signal,
    tempDir,
  }
  try {
    const result = await work(context)
    if (controller.signal.aborted) throw new BantamError('cancelled', 'Cancelled.')
    return result
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    process.off('exit', cleanUp)
    cleanUp()
    terminal.clear()
  }
}
