/** The log of a job: two files of bounded size that take turns, so that a job which never stops talking fits. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

const LIMIT = 256 * 1024

export class JobLog {
  private readonly path: string
  private size: number

  /** @param folder the workspace's folder */
  constructor(folder: string, job: string) {
    mkdirSync(join(folder, 'logs'), { recursive: true })
    this.path = join(folder, 'logs', `${job}.log`)
    this.size = existsSync(this.path) ? statSync(this.path).size : 0
  }

  /** Appends a line with the time. A log that cannot be written (full disk) must not stop the job. */
  write(line: string): void {
    const text = `${new Date().toISOString().slice(11, 23)}  ${line}\n`
    try {
      if (this.size + text.length > LIMIT) {
        renameSync(this.path, `${this.path}.1`)
        this.size = 0
      }
      appendFileSync(this.path, text)
      this.size += text.length
    } catch {
      return
    }
  }
}

/** The newest lines of a job's log, oldest first; empty when it has none. */
export function readLog(folder: string, job: string, count = 2000): string[] {
  const path = join(folder, 'logs', `${job}.log`)
  const text = [`${path}.1`, path].map(part => (existsSync(part) ? readFileSync(part, 'utf8') : '')).join('')
  return text.split('\n').filter(Boolean).slice(-count)
}

export function removeLog(folder: string, job: string): void {
  for (const end of ['.log', '.log.1']) rmSync(join(folder, 'logs', `${job}${end}`), { force: true })
}
