/**
 * What training jobs tell of themselves: the newest record of each, in memory while the job runs, and in a file beside
 * its log. The file is replaced whole, so that a kill at any moment leaves the last one that was written.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TrainingRecord } from '../../shared/training'

/** Milliseconds between writes of a running job's record. */
const WRITE_MS = 3000

export class TrainingRecords {
  private readonly newest = new Map<string, { record: TrainingRecord; written: number }>()

  /** @param folder the workspace's folder */
  constructor(private readonly folder: string) {}

  /** Keeps a running job's record; written to its file every few seconds at most. */
  take(job: string, record: TrainingRecord): void {
    const written = this.newest.get(job)?.written ?? 0
    const due = performance.now() - written >= WRITE_MS
    this.newest.set(job, { record, written: due ? performance.now() : written })
    if (due) this.write(job, record)
  }

  /** Writes the newest record of a job that ended; from then on the file answers for it. */
  settle(job: string): void {
    const last = this.newest.get(job)
    this.newest.delete(job)
    if (last) this.write(job, last.record)
  }

  /** Null before the first step, and where nothing was trained. */
  read(job: string): TrainingRecord | null {
    return this.newest.get(job)?.record ?? readRecord(recordPath(this.folder, job))
  }

  remove(job: string): void {
    this.newest.delete(job)
    rmSync(recordPath(this.folder, job), { force: true })
  }

  /** A record that cannot be written (full disk) must not stop the job. */
  private write(job: string, record: TrainingRecord): void {
    const path = recordPath(this.folder, job)
    try {
      mkdirSync(join(this.folder, 'logs'), { recursive: true })
      writeFileSync(`${path}.part`, JSON.stringify(record))
      renameSync(`${path}.part`, path)
    } catch {
      rmSync(`${path}.part`, { force: true })
    }
  }
}

/** Optimizer steps a record has seen. */
export function stepsOf(record: TrainingRecord | null): number {
  return record?.points.at(-1)?.step ?? 0
}

function recordPath(folder: string, job: string): string {
  return join(folder, 'logs', `${job}.training.json`)
}

function readRecord(path: string): TrainingRecord | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as TrainingRecord // only `write` makes this file
  } catch {
    return null
  }
}
