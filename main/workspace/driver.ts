/**
 * The one file that imports a SQLite driver: `node:sqlite` where the runtime has it (Electron, Node ≥ 22.13), else
 * `@photostructure/sqlite`, which has the same interface. Never open one file with both at once.
 */
import { createRequire } from 'node:module'
import { BantamError } from '../../shared/errors'

export type SqlValue = null | number | bigint | string | Uint8Array
export type Row = Record<string, SqlValue>

interface Statement {
  run(...values: SqlValue[]): unknown
  get(...values: SqlValue[]): unknown
  all(...values: SqlValue[]): unknown[]
}

interface DriverDatabase {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

interface Driver {
  DatabaseSync: new (path: string) => DriverDatabase
}

/**
 * A SQLite database with prepared statements kept by their text. All calls are synchronous and short. Once closed, every
 * call throws `cancelled`: a request may arrive, or an answer be awaited, while the workbench ends.
 */
export class Database {
  private readonly statements = new Map<string, Statement>()
  private depth = 0
  private closed = false

  constructor(private readonly database: DriverDatabase) {}

  exec(sql: string): void {
    this.requireOpen()
    this.database.exec(sql)
  }

  run(sql: string, ...values: SqlValue[]): void {
    this.statement(sql).run(...values)
  }

  get(sql: string, ...values: SqlValue[]): Row | undefined {
    // The driver's rows are plain objects of SQL values; `undefined` when there is none.
    return (this.statement(sql).get(...values) ?? undefined) as Row | undefined
  }

  all(sql: string, ...values: SqlValue[]): Row[] {
    return this.statement(sql).all(...values) as Row[] // as above
  }

  /** Runs `work` in one transaction: all of it or nothing. Nested calls join the outer transaction. */
  transaction<T>(work: () => T): T {
    if (this.depth > 0) return work()
    this.exec('BEGIN IMMEDIATE')
    this.depth++
    try {
      const result = work()
      this.exec('COMMIT')
      return result
    } catch (error) {
      this.rollback()
      throw error
    } finally {
      this.depth--
    }
  }

  /**
   * Closes the database. @photostructure/sqlite keeps the files open until the statements are collected, so what is in
   * the write-ahead log is moved into the database first.
   */
  close(): void {
    this.statements.clear()
    this.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    this.closed = true
    this.database.close()
  }

  /** SQLite may have rolled back by itself already (a full disk): then there is nothing left to undo. */
  private rollback(): void {
    try {
      this.exec('ROLLBACK')
    } catch {
      return
    }
  }

  private requireOpen(): void {
    if (this.closed) throw new BantamError('cancelled', 'The workbench is closing.')
  }

  private statement(sql: string): Statement {
    this.requireOpen()
    let statement = this.statements.get(sql)
    if (!statement) {
      statement = this.database.prepare(sql)
      this.statements.set(sql, statement)
    }
    return statement
  }
}

/** Opens (or creates) a database file in WAL mode with foreign keys on. */
export function openDatabase(path: string): Database {
  const { DatabaseSync } = loadDriver()
  const database = new Database(new DatabaseSync(path))
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000',
  )
  return database
}

function loadDriver(): Driver {
  // Asked for by name at run time, so that neither the bundler nor an older Node trips over a module it lacks.
  const builtin: unknown = process.getBuiltinModule?.('node:sqlite')
  const driver = builtin ?? createRequire(import.meta.url)('@photostructure/sqlite')
  return driver as Driver // both packages have this interface
}
