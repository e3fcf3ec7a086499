/** One task in one child process, from start to a result, an error, a cancel or a crash. */
import { rm } from 'node:fs/promises'
import { BantamError, fromErrorData } from '../../shared/errors'
import type { LiveSearch } from '../../shared/quantize'
import type { TrainingRecord } from '../../shared/training'
import { holdsFiles } from '../workspace/checkpoints'
import type { FileStore } from '../workspace/store'
import type { ChildHandle, Host } from './host'
import type { AnyTask, FromChild } from './protocol'

export interface TaskEvents {
  progress(fraction: number, stage: string): void
  log(line: string): void
  training(record: TrainingRecord): void
  search(search: LiveSearch): void
}

export interface RunningTask {
  /** What the task answered. Rejects with its error, `cancelled`, or `crashed` with its last words. */
  readonly result: Promise<unknown>
  /** Asks the task to stop; kills it when it has not after `graceMs`. */
  cancel(graceMs?: number): void
  /**
   * Asks a training to save its place and throw `paused`. When it has not after `graceMs` it is killed, which counts
   * as paused: with `force` in any case, otherwise as soon as its `keepDir` holds something to go on from.
   */
  pause(graceMs?: number, force?: boolean): void
  /** Asks a training or search to end with the best so far; takes a pause back. */
  finish(): void
}

/**
 * Starts a task. Its temporary folder is removed when its process is gone, however it went; `keepDir` is the caller's.
 */
export async function startTask(
  host: Host,
  store: FileStore,
  task: AnyTask,
  events: TaskEvents,
  keepDir?: string,
): Promise<RunningTask> {
  const tempDir = await store.tempFolder(task.kind)
  let cancelled = false
  let pausedByForce = false
  let child: ChildHandle | undefined
  let timer: NodeJS.Timeout | undefined
  const tail: string[] = []
  const keep = (line: string) => {
    tail.push(line)
    if (tail.length > 20) tail.shift()
    events.log(line)
  }
  const result = new Promise<unknown>((resolve, reject) => {
    let outcome: (() => void) | undefined
    let stage = 'starting'
    const receive = (message: FromChild) => {
      if (message.type === 'progress') {
        stage = message.stage
        events.progress(message.fraction, message.stage)
      } else if (message.type === 'log') keep(message.line)
      else if (message.type === 'training') events.training(message.record)
      else if (message.type === 'search') events.search(message.search)
      else if (message.type === 'done') outcome = () => resolve(message.result)
      else if (message.type === 'failed') {
        if (message.error.code !== 'paused') events.log(message.detail) // no failure: nothing to look into
        outcome = () => reject(fromErrorData(message.error))
      }
      if (outcome) child?.kill() // whatever teardown would do does not matter any more
    }
    child = host.spawn({
      message: receive,
      line: keep,
      exit: (code, signal) => {
        clearTimeout(timer)
        if (cancelled) reject(new BantamError('cancelled', 'Cancelled.'))
        else if (outcome) outcome()
        else if (pausedByForce)
          reject(new BantamError('paused', 'Stopped; it goes on from its last checkpoint.'))
        else reject(crash(code, signal, stage, tail))
      },
    })
    child.send({ type: 'run', task, store: store.folder, tempDir, ...(keepDir ? { keepDir } : {}) })
  }).finally(() => rm(tempDir, { recursive: true, force: true }))
  return {
    result,
    cancel(graceMs = 2000) {
      if (cancelled) return
      cancelled = true
      clearTimeout(timer)
      child?.send({ type: 'cancel' })
      timer = setTimeout(() => child?.kill(), graceMs)
    },
    pause(graceMs = 60_000, force = false) {
      if (cancelled) return
      clearTimeout(timer)
      child?.send({ type: 'pause' })
      const end = () => {
        if (force || (keepDir !== undefined && holdsFiles(keepDir))) {
          pausedByForce = true
          child?.kill()
        } else timer = setTimeout(end, 1000)
      }
      timer = setTimeout(end, graceMs)
    },
    finish() {
      if (cancelled) return
      clearTimeout(timer)
      child?.send({ type: 'finish' })
    },
  }
}

/** A process that ended without an answer, in words: how it died, during what, and the last thing it said. */
export function crash(
  code: number | null,
  signal: string | null,
  stage: string,
  tail: readonly string[],
): BantamError {
  const how = signal ? `signal ${signal}` : `exit code ${code}`
  // Stack traces are in the log; what was said before them tells a person more.
  const said = tail.filter(line => !/^\s*(at |\d+: |-----)/.test(line)).slice(-5)
  const memory =
    signal === 'SIGKILL' || said.some(line => /out of memory|bad_alloc|failed to allocate/i.test(line))
  const words = said.length > 0 ? ` Its last words: ${said.join(' / ')}` : ''
  return new BantamError('crashed', `The job’s process died (${how}) while ${lowerFirst(stage)}.${words}`, {
    action: memory
      ? 'It probably ran out of memory: close other programs or use a smaller model, and try again.'
      : 'Nothing else was harmed. Look at the log, and try again.',
  })
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
