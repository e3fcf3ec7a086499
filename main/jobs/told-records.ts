/**
 * What trainings and searches tell of themselves: the newest record of each job, in memory while the job runs, and in a
 * file beside its log. The file is replaced whole, so that a kill at any moment leaves the last one that was written.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Milliseconds between writes of a running job's record. */
const WRITE_MS = 3000

export class ToldRecords<T> {
  private readonly newest = new Map<string, { record: T; written: number }>()

  /**
   * @param folder the workspace's folder
   * @param kind part of the files' names
   */
  constructor(
    private readonly folder: string,
    private readonly kind: 'training' | 'search',
  ) {}

  /** Keeps a running job's record; written to its file every few seconds at most. */
  take(job: string, record: T): void {
    const written = this.newest.get(job)?.written ?? Number.NEGATIVE_INFINITY
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

  /** Null before the first record, and for jobs that tell none. */
  read(job: string): T | null {
    return this.newest.get(job)?.record ?? this.readFile(job)
  }

  remove(job: string): void {
    this.newest.delete(job)
    rmSync(this.path(job), { force: true })
  }

  /** A record that cannot be written (full disk) must not stop the job. */
  private write(job: string, record: T): void {
    const path = this.path(job)
    const draft = `${path}.part`
    try {
      mkdirSync(join(this.folder, 'logs'), { recursive: true })
      writeFileSync(draft, JSON.stringify(record))
      renameSync(draft, path)
    } catch {
      if (existsSync(draft)) rmSync(draft, { force: true })
    }
  }

  private readFile(job: string): T | null {
    try {
      return JSON.parse(readFileSync(this.path(job), 'utf8')) as T // only `write` makes this file
    } catch {
      return null
    }
  }

  private path(job: string): string {
    return join(this.folder, 'logs', `${job}.${this.kind}.json`)
  }
}
