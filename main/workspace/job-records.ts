/** Jobs as the workspace remembers them. How far a running one is lives in the queue. */
import type { Job } from '../../shared/domain'
import type { ErrorData } from '../../shared/errors'
import { BantamError } from '../../shared/errors'
import { isSearch, isTraining, type JobRequest } from '../jobs/requests'
import type { Row } from './driver'
import { fromJson, fromJsonOrNull, now, text, textOrNull, toJson, type Workspace } from './workspace'

export interface JobRecord {
  job: Job
  request: JobRequest
}

export function addJob(
  workspace: Workspace,
  job: { study: string | null; title: string; request: JobRequest },
): JobRecord {
  const id = crypto.randomUUID()
  workspace.database.run(
    `INSERT INTO jobs (id, study_id, kind, title, state, request, stage, created_at)
     VALUES (?, ?, ?, ?, 'queued', ?, 'Waiting', ?)`,
    id,
    job.study,
    job.request.kind,
    job.title,
    toJson(job.request),
    now(),
  )
  return readJob(workspace, id)
}

/** Throws `not-found`. */
export function readJob({ database }: Workspace, id: string): JobRecord {
  const row = database.get('SELECT * FROM jobs WHERE id = ?', id)
  if (!row) throw new BantamError('not-found', 'The job does not exist.', { where: id })
  return record(row)
}

/** Newest first. */
export function listJobs({ database }: Workspace): JobRecord[] {
  return database.all('SELECT * FROM jobs ORDER BY created_at DESC, rowid DESC').map(record)
}

/** The queued job that waits longest. */
export function nextJob({ database }: Workspace): JobRecord | undefined {
  const row = database.get("SELECT * FROM jobs WHERE state = 'queued' ORDER BY created_at, rowid LIMIT 1")
  return row && record(row)
}

export function markStarted({ database }: Workspace, id: string): void {
  database.run(
    "UPDATE jobs SET state = 'running', stage = 'Starting', started_at = ?, finished_at = NULL, error = NULL, result = NULL WHERE id = ?",
    now(),
    id,
  )
}

export function markDone({ database }: Workspace, id: string, result: string | null): void {
  database.run(
    "UPDATE jobs SET state = 'done', stage = 'Done', result = ?, finished_at = ? WHERE id = ?",
    result,
    now(),
    id,
  )
}

export function markStopped(
  { database }: Workspace,
  id: string,
  state: 'failed' | 'cancelled',
  stage: string,
  error: ErrorData | null,
): void {
  database.run(
    'UPDATE jobs SET state = ?, stage = ?, error = ?, finished_at = ?, progress = 0 WHERE id = ?',
    state,
    stage,
    error && toJson(error),
    now(),
    id,
  )
}

/** Puts a job aside until it is resumed, over restarts. `progress` null: as far as it was at an earlier pause. */
export function markPaused({ database }: Workspace, id: string, progress: number | null): void {
  database.run(
    "UPDATE jobs SET state = 'paused', stage = 'Paused', progress = coalesce(?, progress), error = NULL, finished_at = NULL WHERE id = ?",
    progress,
    id,
  )
}

/** Forgets earlier interruptions of a job that got further than before. */
export function markAdvanced({ database }: Workspace, id: string): void {
  database.run('UPDATE jobs SET interruptions = 0 WHERE id = ?', id)
}

export function markQueued({ database }: Workspace, id: string): void {
  database.run(
    "UPDATE jobs SET state = 'queued', stage = 'Waiting', error = NULL, result = NULL, started_at = NULL, finished_at = NULL, interruptions = 0, created_at = ? WHERE id = ?",
    now(),
    id,
  )
}

/**
 * Jobs that ran when the workbench ended wait again, in their old place. One that was interrupted twice may be what
 * ends it: it has failed, and says so.
 */
export function takeUpInterrupted({ database }: Workspace): void {
  database.transaction(() => {
    database.run(
      `UPDATE jobs SET state = 'failed', stage = 'Interrupted', error = ?, finished_at = ?
       WHERE state = 'running' AND interruptions > 0`,
      toJson(interrupted),
      now(),
    )
    database.run(
      `UPDATE jobs SET state = 'queued', stage = 'Waiting', started_at = NULL, interruptions = interruptions + 1
       WHERE state = 'running'`,
    )
  })
}

const interrupted: ErrorData = {
  code: 'crashed',
  message: 'Bantam ended twice while this job was running.',
  action: 'Try again; nothing was left half done.',
}

/** States of jobs that are not over. */
const open = "'queued', 'running', 'paused'"

/** Deletes finished jobs; answers with their ids. */
export function clearJobs({ database }: Workspace): string[] {
  const ids = database.all(`SELECT id FROM jobs WHERE state NOT IN (${open})`).map(row => text(row.id))
  database.run(`DELETE FROM jobs WHERE state NOT IN (${open})`)
  return ids
}

function record(row: Row): JobRecord {
  const request = fromJson<JobRequest>(row.request)
  const state = text(row.state) as Job['state'] // written by this file alone
  return {
    request,
    job: {
      id: text(row.id),
      studyId: textOrNull(row.study_id),
      kind: request.kind,
      title: text(row.title),
      state,
      training: isTraining(request),
      ...(isSearch(request) ? { searches: true } : {}),
      progress: state === 'done' ? 1 : state === 'paused' ? Number(row.progress) : 0,
      stage: text(row.stage),
      secondsLeft: null,
      result: textOrNull(row.result),
      error: fromJsonOrNull<ErrorData>(row.error),
      createdAt: text(row.created_at),
      startedAt: textOrNull(row.started_at),
      finishedAt: textOrNull(row.finished_at),
    },
  }
}
