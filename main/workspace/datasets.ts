/**
 * Datasets of a study: how to read the data, and what was found when it was read. The data itself stays where it is; the
 * tokenizer of texts is a copy of the workspace's own.
 */
import type { DatasetRecord, DatasetSpec, DatasetSummary } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Row } from './driver'
import type { FileStore } from './store'
import { fromJson, now, text, toJson, type Workspace } from './workspace'

export function listDatasets({ database, store }: Workspace, study: string): DatasetRecord[] {
  return database
    .all('SELECT * FROM datasets WHERE study_id = ? AND removal IS NULL ORDER BY created_at, rowid', study)
    .map(row => record(row, store))
}

/** Throws `not-found`. */
export function readDataset(workspace: Workspace, id: string): DatasetRecord {
  return record(datasetRow(workspace, id), workspace.store)
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

function record(row: Row, store: FileStore): DatasetRecord {
  const summary = fromJson<DatasetSummary>(row.summary)
  return {
    ...summary,
    spec: withOwnTokenizer(summary.spec, store),
    id: text(row.id),
    studyId: text(row.study_id),
    name: text(row.name),
  }
}

/** The file that was chosen may be gone by now. */
function withOwnTokenizer(spec: DatasetSpec, store: FileStore): DatasetSpec {
  const { preprocessing } = spec
  if (preprocessing?.kind !== 'text' || !preprocessing.digest || !store.has(preprocessing.digest)) return spec
  return { ...spec, preprocessing: { ...preprocessing, tokenizer: store.path(preprocessing.digest) } }
}

function missing(id: string): BantamError {
  return new BantamError('not-found', 'The dataset does not exist.', {
    where: id,
    action: 'It may have been removed.',
  })
}
