/** A workspace: the lock, the database and the file store of one folder. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BantamError, toErrorData } from '../../shared/errors'
import { collectGarbage } from './collect'
import { type Database, openDatabase, type SqlValue } from './driver'
import { takeLock } from './lock'
import { migrate } from './migrations'
import { FileStore } from './store'

export interface Workspace {
  readonly folder: string
  readonly database: Database
  readonly store: FileStore
  close(): void
}

/**
 * Opens (or makes) the workspace in a folder, alone: brings its schema up to date, finishes removals and collects
 * what nothing refers to. Throws `conflict` when another Bantam has it open, `unsupported` when a newer one made it.
 */
export function openWorkspace(folder: string): Workspace {
  makeFolder(folder)
  const lock = takeLock(folder)
  let database: Database | undefined
  try {
    database = openDatabase(join(folder, 'workspace.sqlite'))
    migrate(database)
    const store = new FileStore(folder)
    collectGarbage(database, store)
    return new OpenWorkspace(folder, database, store, lock.release)
  } catch (error) {
    database?.close()
    lock.release()
    throw readable(error, folder)
  }
}

class OpenWorkspace implements Workspace {
  private closed = false

  constructor(
    readonly folder: string,
    readonly database: Database,
    readonly store: FileStore,
    private readonly release: () => void,
  ) {}

  close(): void {
    if (this.closed) return
    this.closed = true
    this.database.close()
    this.release()
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const { code, message } = toErrorData(error)
    throw new BantamError(code, `The workspace folder cannot be made: ${message}`, {
      where: folder,
      action: 'Choose another folder with --workspace.',
      cause: error,
    })
  }
}

/** SQLite's own words for a file that is no database, or a disk that is full or not writable. */
function readable(error: unknown, folder: string): unknown {
  if (error instanceof BantamError || !(error instanceof Error)) return error
  if (/disk is full/i.test(error.message)) {
    return new BantamError('no-space', 'The disk that holds the workspace is full.', {
      where: folder,
      action: 'Free some space and start again.',
      cause: error,
    })
  }
  if (/not a database|malformed/i.test(error.message)) {
    return new BantamError('bad-file', 'The workspace’s database is damaged.', {
      where: join(folder, 'workspace.sqlite'),
      action: 'Restore it from a backup, or choose another folder with --workspace.',
      cause: error,
    })
  }
  return error
}

/** Value for a JSON column. */
export function toJson(value: unknown): string {
  return JSON.stringify(value)
}

/** What a JSON column holds. The workspace only reads back what it wrote itself, so the type is the writer's. */
export function fromJson<T>(text: SqlValue | undefined): T {
  return JSON.parse(String(text)) as T
}

export function fromJsonOrNull<T>(text: SqlValue | undefined): T | null {
  return text === null || text === undefined ? null : fromJson<T>(text)
}

export function text(value: SqlValue | undefined): string {
  return String(value)
}

export function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

/** Now, as every record writes it: ISO 8601, UTC, milliseconds. */
export function now(): string {
  return new Date().toISOString()
}
