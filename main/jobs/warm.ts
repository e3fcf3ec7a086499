/**
 * A child process kept at hand for short questions (previews, pictures, advice), so that the workbench itself loads
 * neither ONNX Runtime nor an image library. It is started on the first question, and again after a crash.
 */
import { BantamError, fromErrorData } from '../../shared/errors'
import type { ChildHandle, Host } from './host'
import type { AnyAsk, AskKind, Asks, FromChild } from './protocol'
import { crash } from './run-child'

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
  timer: NodeJS.Timeout
}

/** One process and the questions it has not answered yet. */
interface Answerer {
  handle: ChildHandle
  waiting: Map<number, Waiting>
  tail: string[]
}

export class WarmChild {
  private current: Answerer | undefined
  private next = 1
  private closed = false

  constructor(
    private readonly host: Host,
    private readonly timeoutMs = 60_000,
  ) {}

  /** Starts the process before the first question. */
  start(): void {
    this.current ??= this.spawn()
  }

  /** Throws the child's own error, or `crashed` when it died or took too long (then it is killed). */
  ask<K extends AskKind>(
    kind: K,
    about: Asks[K]['ask'],
    timeoutMs = this.timeoutMs,
  ): Promise<Asks[K]['answer']> {
    if (this.closed) return Promise.reject(closing())
    this.current ??= this.spawn()
    const { handle, waiting } = this.current
    const id = this.next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.giveUp(handle, settle(waiting, id), timeoutMs), timeoutMs)
      timer.unref()
      // The child answers a question in the type of its kind.
      waiting.set(id, { resolve: value => resolve(value as Asks[K]['answer']), reject, timer })
      // A kind and the question that goes with it make one of the union.
      handle.send({ type: 'ask', id, ask: { kind, ...about } as unknown as AnyAsk })
    })
  }

  get isClosed(): boolean {
    return this.closed
  }

  get pid(): number | undefined {
    return this.current?.handle.pid
  }

  close(): void {
    this.closed = true
    this.current?.handle.kill()
  }

  private spawn(): Answerer {
    const waiting = new Map<number, Waiting>()
    const tail: string[] = []
    const handle = this.host.spawn({
      message: message => receive(waiting, message),
      line: line => {
        tail.push(line)
        if (tail.length > 20) tail.shift()
      },
      exit: (code, signal) => {
        if (this.current?.handle === handle) this.current = undefined
        const error = this.closed ? closing() : crash(code, signal, 'answering', tail)
        for (const id of [...waiting.keys()]) settle(waiting, id)?.reject(error)
      },
    })
    return { handle, waiting, tail }
  }

  /** The process is killed: it may hang for good, and the next question deserves a fresh one. */
  private giveUp(handle: ChildHandle, waiting: Waiting | undefined, timeoutMs: number): void {
    waiting?.reject(
      new BantamError('crashed', `No answer came within ${Math.round(timeoutMs / 1000)} s.`, {
        action: 'Try again, or with less data.',
      }),
    )
    if (this.current?.handle === handle) this.current = undefined
    handle.kill()
  }
}

function receive(waiting: Map<number, Waiting>, message: FromChild): void {
  if (message.type === 'answer') settle(waiting, message.id)?.resolve(message.value)
  if (message.type === 'refused') settle(waiting, message.id)?.reject(fromErrorData(message.error))
}

function settle(waiting: Map<number, Waiting>, id: number): Waiting | undefined {
  const one = waiting.get(id)
  if (one) clearTimeout(one.timer)
  waiting.delete(id)
  return one
}

function closing(): BantamError {
  return new BantamError('cancelled', 'The workbench is closing.')
}
