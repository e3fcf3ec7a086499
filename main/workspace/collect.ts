/**
 * What happens to a workspace before it is used: removals that can no longer be undone are finished, and files that
 * no record names (half-written ones of a killed process among them) are deleted.
 */
import { type Dirent, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatasetSummary } from '../../shared/domain'
import { sweepKept } from './checkpoints'
import type { Database } from './driver'
import type { FileStore } from './store'

export function collectGarbage(database: Database, store: FileStore): void {
  purge(database)
  sweep(database, store)
}

/** Deletes removed rows, and rows that only they referred to. */
function purge(database: Database): void {
  database.transaction(() => {
    for (const table of ['variants', 'datasets', 'studies']) {
      database.run(`DELETE FROM ${table} WHERE removal IS NOT NULL`)
    }
    database.run('DELETE FROM models WHERE hash NOT IN (SELECT model FROM variants)')
    database.run('DELETE FROM plans WHERE digest NOT IN (SELECT plan FROM variants WHERE plan IS NOT NULL)')
    // Exports and tables are made for the moment; what a listed job made stays with the job.
    database.run('DELETE FROM artifacts WHERE job_id IS NULL OR job_id NOT IN (SELECT id FROM jobs)')
  })
}

function sweep(database: Database, store: FileStore): void {
  const known = new Set<string>()
  for (const row of database.all('SELECT hash FROM models'))
    known.add(store.relativeModelFolder(String(row.hash)))
  for (const row of database.all('SELECT outputs FROM evaluations'))
    known.add(store.relativePath(String(row.outputs)))
  for (const row of database.all('SELECT path FROM artifacts')) known.add(String(row.path))
  for (const row of database.all('SELECT summary FROM datasets')) {
    const summary: DatasetSummary = JSON.parse(String(row.summary)) // as addDataset wrote it
    const { preprocessing } = summary.spec
    if (preprocessing?.kind === 'text' && preprocessing.digest)
      known.add(store.relativePath(preprocessing.digest))
  }
  for (const part of ['files', 'models']) {
    for (const prefix of entries(join(store.folder, part))) {
      for (const entry of entries(join(store.folder, part, prefix.name))) {
        const relative = join(part, prefix.name, entry.name)
        if (!known.has(relative)) remove(join(store.folder, relative))
      }
    }
  }
  for (const entry of entries(join(store.folder, 'tmp'))) remove(join(store.folder, 'tmp', entry.name))
  sweepLogs(database, store.folder)
  sweepKept(database, store.folder)
  sweepUploads(database, store.folder)
}

function sweepLogs(database: Database, folder: string): void {
  const jobs = new Set(database.all('SELECT id FROM jobs').map(row => String(row.id)))
  for (const entry of entries(join(folder, 'logs'))) {
    if (!jobs.has(entry.name.split('.')[0] ?? '')) remove(join(folder, 'logs', entry.name))
  }
}

/** An uploaded file is kept as long as a dataset reads it or a job may be tried again with it. */
function sweepUploads(database: Database, folder: string): void {
  const texts = [
    ...database.all('SELECT summary AS text FROM datasets'),
    ...database.all("SELECT request AS text FROM jobs WHERE state != 'done'"),
  ].map(row => String(row.text))
  for (const entry of entries(join(folder, 'uploads'))) {
    // Groups are random names, so finding one in a record means that the record refers to it.
    if (!texts.some(text => text.includes(entry.name))) remove(join(folder, 'uploads', entry.name))
  }
}

function entries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return [] // not made yet
  }
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}
