/**
 * The parent's half of every kind of job: what its process is told (looked up when the job starts), and how its result
 * is recorded (inside the transaction that marks the job done).
 */
import type { Workspace } from '../../workspace/workspace'
import type { AnyTask, Tasks } from '../protocol'
import type { JobKind, RequestOf } from '../requests'
import type { Committed } from './committed'
import { commitArtifact, prepareBundle, prepareReport } from './files'
import { commitDataset, commitModel, prepareDataset, prepareModel } from './imports'
import { commitQuantizeSensitivity, prepareQuantizeSensitivity } from './quantize-sensitivity'
import { commitSensitivity, prepareSensitivity } from './sensitivity'
import { commitMeasure, commitVariant, prepareMeasure, prepareVariant } from './variant'

type Prepare<K extends JobKind> = (workspace: Workspace, request: RequestOf<K>) => Promise<Tasks[K]['task']>
type Commit<K extends JobKind> = (
  workspace: Workspace,
  job: string,
  request: RequestOf<K>,
  result: Tasks[K]['result'],
) => Committed

const WORK: { [K in JobKind]: { prepare: Prepare<K>; commit: Commit<K> } } = {
  'import-model': { prepare: prepareModel, commit: commitModel },
  'import-dataset': { prepare: prepareDataset, commit: commitDataset },
  variant: { prepare: prepareVariant, commit: commitVariant },
  measure: { prepare: prepareMeasure, commit: commitMeasure },
  sensitivity: { prepare: prepareSensitivity, commit: commitSensitivity },
  'quantize-sensitivity': { prepare: prepareQuantizeSensitivity, commit: commitQuantizeSensitivity },
  report: { prepare: prepareReport, commit: commitArtifact },
  bundle: { prepare: prepareBundle, commit: commitArtifact },
}

/** Throws `not-found` when what the job is about is gone. */
export async function prepare<K extends JobKind>(
  workspace: Workspace,
  request: RequestOf<K>,
): Promise<AnyTask> {
  const kind = request.kind as K // the request's own kind
  const task = await WORK[kind].prepare(workspace, request)
  return { kind, ...task } as unknown as AnyTask // the kind and its own task make one of the union
}

/** Must be called in a transaction. Throws when the result no longer fits the workspace. */
export function commit<K extends JobKind>(
  workspace: Workspace,
  job: string,
  request: RequestOf<K>,
  result: unknown,
): Committed {
  const kind = request.kind as K // as above
  return WORK[kind].commit(workspace, job, request, result as Tasks[K]['result']) // the child answered this kind
}
