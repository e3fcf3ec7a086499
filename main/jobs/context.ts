/** What a running task is given: how to say how far it is, and how to learn that it should stop. */
import { BantamError } from '../../shared/errors'
import type { LiveSearch } from '../../shared/quantize'
import type { TrainingRecord } from '../../shared/training'

export interface TaskContext {
  /** `fraction` is 0…1 of the whole task; `stage` is what is being done, in the person's words. */
  progress(fraction: number, stage: string): void
  log(line: string): void
  readonly signal: AbortSignal
  /** A folder of this task's own, removed when it ends, however it ends. */
  readonly tempDir: string
  /** A folder that outlives an interruption, for checkpoints; removed when the task is done, failed or cancelled. */
  readonly keepDir?: string
  /**
   * What a person asked of a training or search since: 'pause' (save your place in `keepDir` and throw `paused`),
   * 'finish' (end now, with the best so far).
   */
  asked?(): 'pause' | 'finish' | undefined
  /** Tells how a training goes: the whole record so far. */
  training?(record: TrainingRecord): void
  /** Tells how a search goes: everything it tried so far. */
  search?(search: LiveSearch): void
}

/** Gives the event loop a turn (so that a cancel can arrive), then throws `cancelled` if it has. */
export async function breathe(context: TaskContext): Promise<void> {
  await new Promise<void>(resolve => setImmediate(resolve))
  if (context.signal.aborted) throw new BantamError('cancelled', 'Cancelled.')
}

/** Maps a subtask's 0…1 onto `from`…`to` of the parent's. */
export function within(context: TaskContext, from: number, to: number): TaskContext {
  return {
    ...context,
    progress: (fraction, stage) =>
      context.progress(from + (to - from) * Math.min(1, Math.max(0, fraction)), stage),
    log: line => context.log(line),
  }
}
