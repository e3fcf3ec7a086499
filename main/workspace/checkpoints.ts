/**
 * Folders in which trainings and what measures for long keep their place, `checkpoints/JOB`: they outlive pauses, crashes and restarts, and go when
 * nothing can go on from them any more.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from './driver'

const FOLDER = 'checkpoints'

/** The folder of a job, made when it is not there. */
export function keepFolder(workspace: string, job: string): string {
  const path = join(workspace, FOLDER, job)
  mkdirSync(path, { recursive: true })
  return path
}

/** Where that folder is, or would be. */
export function keptPath(workspace: string, job: string): string {
  return join(workspace, FOLDER, job)
}

/** True when a job has kept something to go on from. */
export function hasKept(workspace: string, job: string): boolean {
  return holdsFiles(join(workspace, FOLDER, job))
}

/** True when a folder holds a file that is whole: drafts end in `.new`. */
export function holdsFiles(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some(name => !name.endsWith('.new'))
}

export function removeKept(workspace: string, job: string): void {
  rmSync(join(workspace, FOLDER, job), { recursive: true, force: true })
}

/** Removes folders of jobs that are over or gone. */
export function sweepKept(database: Database, workspace: string): void {
  const path = join(workspace, FOLDER)
  if (!existsSync(path)) return
  const open = new Set(
    database.all("SELECT id FROM jobs WHERE state NOT IN ('done', 'cancelled')").map(row => String(row.id)),
  )
  for (const job of readdirSync(path)) if (!open.has(job)) removeKept(workspace, job)
}
