/**
 * The entry of every child process: `utilityProcess` in Electron (`process.parentPort`), `child_process.fork`
 * elsewhere (`process.send`). Runs one task and is ended by its parent, or answers questions until it is.
 */
import { toErrorData } from '../../shared/errors'
import type { LiveSearch } from '../../shared/quantize'
import type { TrainingRecord } from '../../shared/training'
import { FileStore } from '../workspace/store'
import { answer } from './asks'
import { type FromChild, stageKind, type ToChild } from './protocol'
import { runTask } from './tasks/run'
import { Throttle } from './throttle'

/** The part of Electron's `process.parentPort` that is used here. */
interface ParentPort {
  on(event: 'message', listener: (event: { data: ToChild }) => void): void
  postMessage(message: FromChild): void
}

const port = (process as { parentPort?: ParentPort }).parentPort
const abort = new AbortController()
/** What was asked of the training or search last. */
let asked: 'pause' | 'finish' | undefined
/** Two a second: a record has hundreds of points. */
const training = new Throttle<TrainingRecord>(500, record => send({ type: 'training', record }))
const search = new Throttle<LiveSearch>(500, told => send({ type: 'search', search: told }))

function send(message: FromChild): void {
  if (port) port.postMessage(message)
  else if (process.connected) process.send?.(message)
}

function receive(message: ToChild): void {
  switch (message.type) {
    case 'cancel':
      abort.abort()
      break
    case 'pause':
    case 'finish':
      asked = message.type
      break
    case 'run':
      void run(message)
      break
    case 'ask':
      answer(message.ask).then(
        value => send({ type: 'answer', id: message.id, value }),
        error => send({ type: 'refused', id: message.id, error: toErrorData(error) }),
      )
      break
  }
}

async function run(message: Extract<ToChild, { type: 'run' }>): Promise<void> {
  let last = { stage: '', at: 0 }
  try {
    const result = await runTask(message.task, new FileStore(message.store), {
      progress: (fraction, stage) => {
        // The parent shows ten a second; more would only cost. 'sample 64 of 900' is one stage, whatever the numbers.
        const [at, kind] = [performance.now(), stageKind(stage)]
        if (kind === last.stage && at - last.at < 80 && fraction < 1) return
        last = { stage: kind, at }
        send({ type: 'progress', fraction, stage })
      },
      log: line => send({ type: 'log', line }),
      signal: abort.signal,
      tempDir: message.tempDir,
      ...(message.keepDir ? { keepDir: message.keepDir } : {}),
      asked: () => asked,
      training: record => training.push(record),
      search: told => search.push(told),
    })
    training.flush()
    search.flush()
    send({ type: 'done', result })
  } catch (error) {
    training.flush()
    search.flush()
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    send({ type: 'failed', error: toErrorData(error), detail })
  }
}

if (port) port.on('message', event => receive(event.data))
else process.on('message', message => receive(message as ToChild)) // the parent sends nothing else
// Without a parent nobody wants the result.
process.on('disconnect', () => process.exit(1))
send({ type: 'ready' })
