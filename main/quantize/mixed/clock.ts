/** Latencies of trials, measured in turns with the float model: batch 1 on one thread, as benchmarks have it. */
import { join } from 'node:path'
import type { TaskContext } from '../../jobs/context'
import { fixedBatch, makeFeeds } from '../../measure/inputs'
import { momentaryRatio } from '../../measure/moment'
import type { Model } from '../../onnx/model'
import { writeModel } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import type { Found } from './search'

/** How long two models are run in turns. */
const MOMENT_MS = 300
const TIMED = 5

export class Clock {
  private constructor(
    private readonly session: Session,
    private readonly feeds: Record<string, Tensor>,
    /** Of one run of the float model. */
    readonly milliseconds: number,
  ) {}

  /** Throws what running the model throws. */
  static async open(model: Model, context: TaskContext): Promise<Clock> {
    const file = join(context.tempDir, 'float.onnx')
    await writeModel(model, file)
    const session = await openSession(file, { threads: 1 })
    const feeds = makeFeeds(session.inputs, fixedBatch(session.inputs) ?? 1)
    const times: number[] = []
    for (let run = 0; run < TIMED; run++) {
      const start = performance.now()
      await session.run(feeds)
      times.push(performance.now() - start)
    }
    return new Clock(session, feeds, times.sort((a, b) => a - b)[TIMED >> 1] ?? 0)
  }

  /** Latency of a model in a file relative to the float model. Throws what running it throws. */
  async compare(file: string): Promise<NonNullable<Found['latency']>> {
    const other = await openSession(file, { threads: 1 })
    try {
      return await momentaryRatio(
        () => this.session.run(this.feeds),
        () => other.run(this.feeds),
        MOMENT_MS,
      )
    } finally {
      await other.close()
    }
  }

  close(): Promise<void> {
    return this.session.close()
  }
}
