/** Files the engine made for a person to save. */
import { join } from 'node:path'
import type { Artifact } from '../../shared/contract'
import { BantamError } from '../../shared/errors'
import type { Row } from './driver'
import { now, text, type Workspace } from './workspace'

/** Records a file of the workspace as an artifact. `path` is relative to the workspace. */
export function addArtifact(
  workspace: Workspace,
  artifact: { job: string | null; name: string; mime: string; bytes: number; path: string },
): Artifact {
  const id = crypto.randomUUID()
  workspace.database.run(
    'INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?, ?)',
    id,
    artifact.job,
    artifact.name,
    artifact.mime,
    artifact.bytes,
    artifact.path,
    now(),
  )
  return readArtifact(workspace, id).artifact
}

/** The record and the file's absolute path. Throws `not-found`. */
export function readArtifact(
  { database, folder }: Workspace,
  id: string,
): { artifact: Artifact; path: string } {
  const row = database.get('SELECT * FROM artifacts WHERE id = ?', id)
  if (!row) throw new BantamError('not-found', 'The file is no longer there.', { action: 'Make it again.' })
  return { artifact: artifact(row), path: join(folder, text(row.path)) }
}

function artifact(row: Row): Artifact {
  return { id: text(row.id), name: text(row.name), bytes: Number(row.bytes), mime: text(row.mime) }
}
