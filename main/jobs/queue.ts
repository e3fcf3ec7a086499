/**
 * The queue: one job at a time (timings are only right when nothing else runs), each in a process of its own. See
 * docs/SPEC-jobs.md; rule ids there name the tests.
 */
import type { Job } from '../../shared/domain'
import { BantamError, toErrorData } from '../../shared/errors'
import * as records from '../workspace/job-records'
import { touchStudy } from '../workspace/studies'
import type { Workspace } from '../workspace/workspace'
import { TimeLeft } from './eta'
import type { EventBus } from './events'
import type { Host } from './host'
import { JobLog, readLog, removeLog } from './log'
import { stageKind } from './protocol'
import type { JobRequest } from './requests'
import { type RunningTask, startTask } from './run-child'
import { commit, prepare } from './work/work'

/** How far a running job is; lives here and not in the database, which would be written ten times a second. */
interface Live {
  id: string
  progress: number
  stage: string
  secondsLeft: number | null
  task: RunningTask | undefined
  cancelled: boolean
}

export class JobQueue {
  private live: Live | undefined
  private running: Promise<void> | undefined
  private started = false
  private closed = false

  constructor(
    private readonly workspace: Workspace,
    private readonly host: Host,
    private readonly bus: EventBus,
  ) {
    records.takeUpInterrupted(workspace)
  }

  /** Nothing runs before this: the workbench opens first. */
  start(): void {
    this.started = true
    this.pump()
  }

  enqueue(study: string | null, title: string, request: JobRequest): Job {
    const { job } = records.addJob(this.workspace, { study, title, request })
    this.bus.publish({ type: 'job', job })
    this.pump()
    return job
  }

  /** Newest first. */
  list(): Job[] {
    return records.listJobs(this.workspace).map(record => this.withLive(record.job))
  }

  /** Throws `not-found`. */
  read(id: string): Job {
    return this.withLive(records.readJob(this.workspace, id).job)
  }

  log(id: string): string[] {
    records.readJob(this.workspace, id)
    return readLog(this.workspace.folder, id)
  }

  /** Stops a running job, takes a waiting one out of the queue; a finished one stays as it is. */
  cancel(id: string): void {
    const { job } = records.readJob(this.workspace, id)
    if (job.state === 'queued') {
      records.markStopped(this.workspace, id, 'cancelled', 'Cancelled', null)
      this.publish(id)
    } else if (this.live?.id === id) {
      this.live.cancelled = true
      this.live.stage = 'Stopping'
      this.live.task?.cancel()
      this.publish(id)
    }
  }

  /** Cancels whatever runs or waits for a study. */
  cancelStudy(study: string): void {
    for (const job of this.list()) if (job.studyId === study) this.cancel(job.id)
  }

  /** Queues a failed or cancelled job again, under the same id. Throws `conflict` for one that is not. */
  retry(id: string): Job {
    const { job } = records.readJob(this.workspace, id)
    if (job.state !== 'failed' && job.state !== 'cancelled') {
      throw new BantamError(
        'conflict',
        `The job is ${job.state}; only a failed or cancelled one can be retried.`,
      )
    }
    records.markQueued(this.workspace, id)
    this.publish(id)
    this.pump()
    return this.read(id)
  }

  clear(): void {
    for (const id of records.clearJobs(this.workspace)) removeLog(this.workspace.folder, id)
  }

  /** True when nothing runs or waits. */
  get idle(): boolean {
    return this.running === undefined && records.nextJob(this.workspace) === undefined
  }

  /** Ends the running job's process; at the next start the job is taken up again. */
  async close(): Promise<void> {
    this.closed = true
    this.live?.task?.cancel(0)
    await this.running
  }

  private pump(): void {
    if (!this.started || this.closed || this.running) return
    const next = records.nextJob(this.workspace)
    if (!next) return
    this.running = this.run(next).finally(() => {
      this.running = undefined
      this.live = undefined
      this.pump()
    })
  }

  private async run({ job, request }: records.JobRecord): Promise<void> {
    const { id } = job
    const live: Live = {
      id,
      progress: 0,
      stage: 'Starting',
      secondsLeft: null,
      task: undefined,
      cancelled: false,
    }
    this.live = live
    records.markStarted(this.workspace, id)
    this.publish(id)
    const log = new JobLog(this.workspace.folder, id)
    log.write(`${job.title}: started`)
    try {
      const result = await this.work(live, request, log)
      if (live.cancelled) throw new BantamError('cancelled', 'Cancelled.')
      const { made, following } = this.record(job, request, result)
      log.write(`done${made ? `: ${made}` : ''}`)
      for (const next of following) this.bus.publish({ type: 'job', job: next })
    } catch (error) {
      this.stopped(id, error, log)
    }
    this.live = undefined
    this.publish(id)
    if (job.studyId) this.bus.publish({ type: 'study', id: job.studyId })
    this.bus.publish({ type: 'studies' })
  }

  private async work(live: Live, request: JobRequest, log: JobLog): Promise<unknown> {
    const timeLeft = new TimeLeft()
    const task = await prepare(this.workspace, request)
    live.task = await startTask(this.host, this.workspace.store, task, {
      progress: (fraction, words) => {
        if (live.cancelled) return
        const stage = words.charAt(0).toUpperCase() + words.slice(1)
        if (stageKind(stage) !== stageKind(live.stage)) log.write(stage)
        live.progress = Math.min(1, Math.max(live.progress, fraction))
        live.stage = stage
        live.secondsLeft = timeLeft.update(live.progress)
        this.publish(live.id)
      },
      log: line => log.write(line),
    })
    if (live.cancelled || this.closed) live.task.cancel(0) // asked to stop while the process was being started
    return live.task.result
  }

  /** The result, the job's end and what follows are recorded together: after a power cut there is all or nothing. */
  private record(
    { id, studyId }: Job,
    request: JobRequest,
    result: unknown,
  ): { made: string | null; following: Job[] } {
    return this.workspace.database.transaction(() => {
      const { made, next } = commit(this.workspace, id, request, result)
      records.markDone(this.workspace, id, made)
      touchStudy(this.workspace, request.study)
      const following = next.map(n => records.addJob(this.workspace, { study: studyId, ...n }).job)
      return { made, following }
    })
  }

  private stopped(id: string, error: unknown, log: JobLog): void {
    const data = toErrorData(error)
    // Still marked as running, it is taken up at the next start.
    if (this.closed) return
    if (data.code === 'cancelled') {
      records.markStopped(this.workspace, id, 'cancelled', 'Cancelled', null)
    } else {
      if (data.code === 'internal' && error instanceof Error) log.write(error.stack ?? error.message)
      records.markStopped(this.workspace, id, 'failed', 'Failed', data)
    }
    log.write(data.message)
  }

  private withLive(job: Job): Job {
    if (this.live?.id !== job.id || job.state !== 'running') return job
    const { progress, stage, secondsLeft } = this.live
    return { ...job, progress, stage, secondsLeft }
  }

  private publish(id: string): void {
    this.bus.publish({ type: 'job', job: this.read(id) })
  }
}
