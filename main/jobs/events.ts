/** Changes on their way to the screens: the newest of each kind, at most ten deliveries a second. */
import type { AppEvent } from '../../shared/contract'

const INTERVAL_MS = 100

export class EventBus {
  private readonly listeners = new Set<(event: AppEvent) => void>()

  publish(event: AppEvent): void {
    for (const listener of this.listeners) listener(event)
  }

  /** Listens from the moment of the call, not from the first `next()`. Ends when the signal aborts. */
  subscribe(signal?: AbortSignal): AsyncGenerator<AppEvent, void, void> {
    const waiting = new Map<string, AppEvent>()
    let wake = () => {}
    const listener = (event: AppEvent) => {
      const key = keyOf(event)
      waiting.delete(key) // the newest goes last, in the order things happened
      waiting.set(key, event)
      wake()
    }
    this.listeners.add(listener)
    const stop = () => {
      this.listeners.delete(listener)
      wake()
    }
    signal?.addEventListener('abort', stop, { once: true })
    const untilWoken = () => new Promise<void>(resolve => (wake = resolve))
    return deliver(waiting, untilWoken, stop, signal)
  }
}

async function* deliver(
  waiting: Map<string, AppEvent>,
  untilWoken: () => Promise<void>,
  stop: () => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<AppEvent, void, void> {
  try {
    while (!signal?.aborted) {
      if (waiting.size === 0) await untilWoken()
      const events = [...waiting.values()]
      waiting.clear()
      yield* events
      await new Promise(resolve => setTimeout(resolve, INTERVAL_MS))
    }
  } finally {
    stop()
  }
}

function keyOf(event: AppEvent): string {
  if (event.type === 'job') return `job ${event.job.id}`
  if (event.type === 'training' || event.type === 'search') return `${event.type} ${event.job}`
  return event.type === 'study' ? `study ${event.id}` : event.type
}
