/**
 * The queue: one job at a time (timings are only right when nothing else runs), each in a process of its own. See
 * docs/SPEC-jobs.md; rule ids there name the tests.
 */
import type { Job } from '../../shared/domain'
import { BantamError, type ErrorCode, toErrorData } from '../../shared/errors'
import type { LiveSearch } from '../../shared/quantize'
import type { TrainingRecord } from '../../shared/training'
import { hasKept, keepFolder, removeKept } from '../workspace/checkpoints'
import * as records from '../workspace/job-records'
import { touchStudy } from '../workspace/studies'
import type { Workspace } from '../workspace/workspace'
import { TimeLeft } from './eta'
import type { EventBus } from './events'
import type { Host } from './host'
import { JobLog, readLog, removeLog } from './log'
import { stageKind } from './protocol'
import { type JobRequest, keepsPlace } from './requests'
import { type RunningTask, startTask } from './run-child'
import { ToldRecords } from './told-records'
import { commit, prepare } from './work/work'

/** How far a running job is; lives here and not in the database, which would be written ten times a second. */
interface Live {
  id: string
  progress: number
  stage: string
  secondsLeft: number | null
  /** Absent until a task that was taken up again has come to where it was. */
  timeLeft: TimeLeft | undefined
  task: RunningTask | undefined
  cancelled: boolean
  training: boolean
  /** What a person asked of a training or search last. */
  asked: 'pause' | 'finish' | undefined
}

/** Failures after which a training may go on from where it was; after others a retry begins anew. */
const MENDABLE: readonly ErrorCode[] = ['crashed', 'no-space', 'not-found', 'conflict', 'internal']
/** How long a training may take to save its place when the workbench closes. */
const CLOSING_MS = 2000

export class JobQueue {
  private live: Live | undefined
  private running: Promise<void> | undefined
  private started = false
  private closed = false
  private readonly trainings: ToldRecords<TrainingRecord>
  private readonly searches: ToldRecords<LiveSearch>

  constructor(
    private readonly workspace: Workspace,
    private readonly host: Host,
    private readonly bus: EventBus,
  ) {
    this.trainings = new ToldRecords(workspace.folder, 'training')
    this.searches = new ToldRecords(workspace.folder, 'search')
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

  /** What a training job told of itself so far; null before its first step and for other jobs. Throws `not-found`. */
  training(id: string): TrainingRecord | null {
    return records.readJob(this.workspace, id).job.training ? this.trainings.read(id) : null
  }

  /** What a search tried so far; null before its first trial and for other jobs. Throws `not-found`. */
  search(id: string): LiveSearch | null {
    return records.readJob(this.workspace, id).job.searches ? this.searches.read(id) : null
  }

  /** Stops a running job, takes a waiting one out of the queue; a finished one stays as it is. */
  cancel(id: string): void {
    const { job } = records.readJob(this.workspace, id)
    if (job.state === 'queued' || job.state === 'paused') {
      records.markStopped(this.workspace, id, 'cancelled', 'Cancelled', null)
      removeKept(this.workspace.folder, id)
      this.publish(id)
    } else if (this.live?.id === id) {
      this.live.cancelled = true
      this.live.stage = 'Stopping'
      this.live.task?.cancel()
      this.publish(id)
    }
  }

  /**
   * Stops a training so that it can go on later; one that waits is put aside. Nothing happens to one that is paused
   * or being stopped. Throws `not-found`, and `conflict` for a job that is over or does not train.
   */
  pause(id: string): void {
    const { job } = records.readJob(this.workspace, id)
    if (!job.training)
      throw new BantamError('conflict', 'Only a training can be paused.', { where: job.title })
    if (this.live?.id === id) this.ask(this.live, 'pause')
    else if (job.state === 'queued') {
      records.markPaused(this.workspace, id, null)
      this.publish(id)
    } else if (job.state !== 'paused') throw wrongState(job, 'a running or waiting one can be paused')
  }

  /** Queues a paused training again, under the same id. Throws `not-found`, `conflict` for one that is not paused. */
  resume(id: string): Job {
    const { job } = records.readJob(this.workspace, id)
    if (job.state !== 'paused') throw wrongState(job, 'a paused one can be resumed')
    return this.requeue(id)
  }

  /** Ends a running training or search with the best so far. Throws `not-found`, `conflict` for a job that is no such thing. */
  finish(id: string): void {
    const { job } = records.readJob(this.workspace, id)
    if (!job.training && !job.searches) {
      throw new BantamError('conflict', 'Only a training or a search can be finished early.', {
        where: job.title,
      })
    }
    if (this.live?.id !== id) throw wrongState(job, 'a running one can be finished early')
    this.ask(this.live, 'finish')
  }

  /** Cancels whatever runs or waits for a study. */
  cancelStudy(study: string): void {
    for (const job of this.list()) if (job.studyId === study) this.cancel(job.id)
  }

  /** Queues a failed or cancelled job again, under the same id. Throws `conflict` for one that is not. */
  retry(id: string): Job {
    const { job } = records.readJob(this.workspace, id)
    if (job.state !== 'failed' && job.state !== 'cancelled') {
      throw wrongState(job, 'a failed or cancelled one can be retried')
    }
    return this.requeue(id)
  }

  clear(): void {
    for (const id of records.clearJobs(this.workspace)) {
      removeLog(this.workspace.folder, id)
      removeKept(this.workspace.folder, id)
      this.forget(id)
    }
  }

  /** True when nothing runs or waits. */
  get idle(): boolean {
    return this.running === undefined && records.nextJob(this.workspace) === undefined
  }

  /** Ends the running job's process; at the next start the job is taken up again. A training saves its place first. */
  async close(): Promise<void> {
    this.closed = true
    const task = this.live?.task
    if (this.live?.training) task?.pause(CLOSING_MS, true)
    else task?.cancel(0)
    await this.running
  }

  private requeue(id: string): Job {
    if (!hasKept(this.workspace.folder, id)) this.forget(id) // it starts anew
    records.markQueued(this.workspace, id)
    this.publish(id)
    this.pump()
    return this.read(id)
  }

  private forget(id: string): void {
    this.trainings.remove(id)
    this.searches.remove(id)
  }

  private ask(live: Live, asked: 'pause' | 'finish'): void {
    if (live.cancelled || live.asked === asked) return
    live.asked = asked
    live.stage = asked === 'pause' ? 'Pausing' : 'Finishing'
    live.task?.[asked]() // a process that is still being started is told when it is there
    this.publish(live.id)
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
      timeLeft: hasKept(this.workspace.folder, id) ? undefined : new TimeLeft(),
      task: undefined,
      cancelled: false,
      training: job.training,
      asked: undefined,
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
      removeKept(this.workspace.folder, id)
      log.write(`done${made ? `: ${made}` : ''}`)
      for (const next of following) this.bus.publish({ type: 'job', job: next })
    } catch (error) {
      this.stopped(live, error, log)
    }
    this.trainings.settle(id)
    this.searches.settle(id)
    this.live = undefined
    this.publish(id)
    if (job.studyId) this.bus.publish({ type: 'study', id: job.studyId })
    this.bus.publish({ type: 'studies' })
  }

  private async work(live: Live, request: JobRequest, log: JobLog): Promise<unknown> {
    const { folder, store } = this.workspace
    const task = await prepare(this.workspace, request)
    const keepDir = keepsPlace(request) ? keepFolder(folder, live.id) : undefined
    const events = {
      progress: (fraction: number, words: string) => {
        if (live.cancelled || live.asked === 'pause') return
        const stage = words.charAt(0).toUpperCase() + words.slice(1)
        if (stageKind(stage) !== stageKind(live.stage)) log.write(stage)
        live.progress = Math.min(1, Math.max(live.progress, fraction))
        live.stage = stage
        live.secondsLeft = live.timeLeft?.update(live.progress) ?? null
        this.publish(live.id)
      },
      log: (line: string) => log.write(line),
      training: this.listener(live),
      search: (search: LiveSearch) => {
        if (live.cancelled) return
        this.searches.take(live.id, search)
        this.bus.publish({ type: 'search', job: live.id })
      },
    }
    live.task = await startTask(this.host, store, task, events, keepDir)
    // Asked while the process was being started.
    if (live.cancelled || this.closed) live.task.cancel(0)
    else if (live.asked) live.task[live.asked]()
    return live.task.result
  }

  private listener(live: Live): (record: TrainingRecord) => void {
    const before = stepsOf(this.trainings.read(live.id))
    let further = false
    return record => {
      if (live.cancelled) return
      live.timeLeft ??= new TimeLeft(live.progress)
      this.trainings.take(live.id, record)
      this.bus.publish({ type: 'training', job: live.id })
      if (further || stepsOf(record) <= before) return
      // It may be interrupted as often as it gets further: it cannot be what ends the workbench.
      further = true
      records.markAdvanced(this.workspace, live.id)
    }
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

  private stopped({ id, asked, progress }: Live, error: unknown, log: JobLog): void {
    const data = toErrorData(error)
    const paused = data.code === 'paused'
    // Still marked as running, it is taken up at the next start; what was paused before the end stays paused.
    if (this.closed && !(paused && asked === 'pause')) return
    if (paused) records.markPaused(this.workspace, id, progress)
    else if (data.code === 'cancelled') {
      records.markStopped(this.workspace, id, 'cancelled', 'Cancelled', null)
      removeKept(this.workspace.folder, id)
    } else {
      if (!MENDABLE.includes(data.code)) removeKept(this.workspace.folder, id)
      if (data.code === 'internal' && error instanceof Error) log.write(error.stack ?? error.message)
      const action = hasKept(this.workspace.folder, id) ? goesOn(data.action) : data.action
      records.markStopped(this.workspace, id, 'failed', 'Failed', { ...data, ...(action ? { action } : {}) })
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

/** Optimizer steps a record has seen. */
function stepsOf(record: TrainingRecord | null): number {
  return record?.points.at(-1)?.step ?? 0
}

/** What to do about a failure after which a training can go on. */
function goesOn(action = ''): string {
  return `${action} Tried again, it goes on from where it was.`.trim()
}

function wrongState(job: Job, possible: string): BantamError {
  return new BantamError('conflict', `The job is ${job.state}; only ${possible}.`, { where: job.title })
}
