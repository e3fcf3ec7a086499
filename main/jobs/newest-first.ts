/**
 * Long answers one at a time, so that none disturbs the timings of another; the newest question first, for it is the one
 * a person waits for. What is under way when it comes is stopped, and begun again later.
 */
import { toErrorData } from '../../shared/errors'

interface Question {
  run(signal: AbortSignal): Promise<unknown>
  resolve(value: unknown): void
  reject(error: unknown): void
}

export class NewestFirst {
  private readonly waiting: Question[] = []
  private running: AbortController | undefined

  /** `run` may be begun several times: it throws `cancelled` when its signal aborts, or goes on to its end. */
  add<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // What a question's own run gives is what it is resolved with.
      this.waiting.push({ run, resolve: value => resolve(value as T), reject })
      if (this.running) this.running.abort()
      else void this.next()
    })
  }

  private async next(): Promise<void> {
    for (let question = this.waiting.pop(); question; question = this.waiting.pop()) {
      this.running = new AbortController()
      const { signal } = this.running
      try {
        question.resolve(await question.run(signal))
      } catch (error) {
        if (signal.aborted && toErrorData(error).code === 'cancelled') this.waiting.unshift(question)
        else question.reject(error)
      }
    }
    this.running = undefined
  }
}

/** The long answers of this process. */
export const longAnswers = new NewestFirst()
