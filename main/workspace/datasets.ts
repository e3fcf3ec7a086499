/** Datasets of a study: how to read the data, and what was found when it was read. The data itself stays where it is. */
import type { DatasetRecord, DatasetSummary } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Row } from './driver'
import { fromJson, now, text, toJson, type Workspace } from './workspace'

export function listDatasets({ database }: Workspace, study: string): DatasetRecord[] {
  return database
    .all('SELECT * FROM datasets WHERE study_id = ? AND removal IS NULL ORDER BY created_at, rowid', study)
    .map(record)
}

/** Throws `not-found`. */
export function readDataset(workspace: Workspace, id: string): DatasetRecord {
  return record(datasetRow(workspace, id))
}

/** Whether the samples can be shown as pictures. */
export function hasPictures(workspace: Workspace, id: string): boolean {
  return Number(datasetRow(workspace, id).pictures) === 1
}

/** The dataset measurements use: the one added last. */
export function currentDataset(workspace: Workspace, study: string): DatasetRecord | undefined {
  return listDatasets(workspace, study).at(-1)
}

export function addDataset(
  { database }: Workspace,
  dataset: { study: string; name: string; pictures: boolean; summary: DatasetSummary },
): string {
  const id = crypto.randomUUID()
  database.run(
    'INSERT INTO datasets (id, study_id, name, pictures, summary, created_at) VALUES (?, ?, ?, ?, ?, ?)',
    id,
    dataset.study,
    dataset.name,
    dataset.pictures ? 1 : 0,
    toJson(dataset.summary),
    now(),
  )
  return id
}

export function removeDataset(workspace: Workspace, id: string): void {
  datasetRow(workspace, id)
  workspace.database.run('UPDATE datasets SET removal = ? WHERE id = ?', crypto.randomUUID(), id)
}

/** Brings a removed dataset back; answers with its study. Throws `not-found` when it is gone for good. */
export function restoreDataset({ database }: Workspace, id: string): string {
  const row = database.get('SELECT study_id FROM datasets WHERE id = ?', id)
  if (!row) throw missing(id)
  database.run('UPDATE datasets SET removal = NULL WHERE id = ?', id)
  return text(row.study_id)
}

function datasetRow({ database }: Workspace, id: string): Row {
  const row = database.get('SELECT * FROM datasets WHERE id = ? AND removal IS NULL', id)
  if (!row) throw missing(id)
  return row
}

function record(row: Row): DatasetRecord {
  return {
    ...fromJson<DatasetSummary>(row.summary),
    id: text(row.id),
    studyId: text(row.study_id),
    name: text(row.name),
  }
}

function missing(id: string): BantamError {
  return new BantamError('not-found', 'The dataset does not exist.', {
    where: id,
    action: 'It may have been removed.',
  })
}
