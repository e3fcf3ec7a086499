/** Models: what inspection found, by hash. Several variants may be the same model. */
import type { LayerSummary, ModelSummary } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { fromJson, now, toJson, type Workspace } from './workspace'

/** Records a model whose files lie in the store already. */
export function addModel({ database }: Workspace, summary: ModelSummary): void {
  database.run(
    'INSERT INTO models VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET summary = excluded.summary',
    summary.hash,
    summary.sizeBytes,
    toJson(summary),
    now(),
  )
}

/** Throws `not-found`. */
export function readModelSummary({ database }: Workspace, hash: string): ModelSummary {
  const row = database.get('SELECT summary FROM models WHERE hash = ?', hash)
  if (!row) throw new BantamError('not-found', 'The model is not in the workspace.', { where: hash })
  return fromJson<ModelSummary>(row.summary)
}

export function readLayers(workspace: Workspace, hash: string): LayerSummary[] {
  return readModelSummary(workspace, hash).layers
}
