/** Studies: a teacher, its datasets and its variants. */
import type { SampleName } from '../../shared/contract'
import type { Study, StudyHead } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { listDatasets } from './datasets'
import type { Row } from './driver'
import { listVariants } from './variants'
import { now, text, type Workspace } from './workspace'

const heads = `SELECT s.*, (SELECT count(*) FROM variants v WHERE v.study_id = s.id AND v.removal IS NULL) AS variants
  FROM studies s WHERE s.removal IS NULL`

export function listStudies({ database }: Workspace): StudyHead[] {
  return database.all(`${heads} ORDER BY s.updated_at DESC, s.rowid DESC`).map(head)
}

/** Throws `not-found`. */
export function studyHead({ database }: Workspace, id: string): StudyHead {
  const row = database.get(`${heads} AND s.id = ?`, id)
  if (!row) throw missing(id)
  return head(row)
}

/** A study with all it holds. Throws `not-found`. */
export function readStudy(workspace: Workspace, id: string): Study {
  const { name, createdAt } = studyHead(workspace, id)
  return { id, name, createdAt, variants: listVariants(workspace, id), datasets: listDatasets(workspace, id) }
}

/** How the column `sample` tells the sample studies apart; 0 is a person's own. */
const SAMPLES: Record<SampleName, number> = { digits: 1, spam: 2 }

export function createStudy(workspace: Workspace, name: string, sample?: SampleName): StudyHead {
  const id = crypto.randomUUID()
  const at = now()
  workspace.database.run(
    'INSERT INTO studies (id, name, sample, created_at, updated_at) VALUES (?, ?, ?, ?, ?)',
    id,
    name,
    sample ? SAMPLES[sample] : 0,
    at,
    at,
  )
  return studyHead(workspace, id)
}

export function renameStudy(workspace: Workspace, id: string, name: string): StudyHead {
  studyHead(workspace, id)
  workspace.database.run('UPDATE studies SET name = ?, updated_at = ? WHERE id = ?', name, now(), id)
  return studyHead(workspace, id)
}

/** Marks a study removed; its rows stay until the next start. */
export function removeStudy(workspace: Workspace, id: string): void {
  studyHead(workspace, id)
  workspace.database.run('UPDATE studies SET removal = ? WHERE id = ?', crypto.randomUUID(), id)
}

/** Brings a removed study back. Throws `not-found` when it was never there or is gone for good. */
export function restoreStudy({ database }: Workspace, id: string): void {
  if (!database.get('SELECT id FROM studies WHERE id = ?', id)) throw missing(id)
  database.run('UPDATE studies SET removal = NULL WHERE id = ?', id)
}

/** Notes that something in the study changed: the newest study is listed first. */
export function touchStudy({ database }: Workspace, id: string): void {
  database.run('UPDATE studies SET updated_at = ? WHERE id = ?', now(), id)
}

/** A sample study, unless it was removed. */
export function sampleStudy({ database }: Workspace, sample: SampleName): StudyHead | undefined {
  const row = database.get(`${heads} AND s.sample = ? ORDER BY s.rowid LIMIT 1`, SAMPLES[sample])
  return row && head(row)
}

function head(row: Row): StudyHead {
  return {
    id: text(row.id),
    name: text(row.name),
    createdAt: text(row.created_at),
    updatedAt: text(row.updated_at),
    variants: Number(row.variants),
  }
}

function missing(id: string): BantamError {
  return new BantamError('not-found', 'The study does not exist.', {
    where: id,
    action: 'It may have been removed.',
  })
}
