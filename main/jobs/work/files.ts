/** Reports and bundles: files made for a person to save. */
import { addArtifact } from '../../workspace/artifacts'
import { currentDataset } from '../../workspace/datasets'
import { latestEvaluation, sharedBenchmark } from '../../workspace/measurements'
import { readEvidence, readVariant, requireTeacher, variantCore } from '../../workspace/variants'
import type { Workspace } from '../../workspace/workspace'
import type { Tasks } from '../protocol'
import type { RequestOf } from '../requests'
import type { Committed } from './committed'
import { modelRef } from './lookup'
import { reportInput } from './report-input'

export async function prepareReport(
  workspace: Workspace,
  request: RequestOf<'report'>,
): Promise<Tasks['report']['task']> {
  return { input: reportInput(workspace, request.study) }
}

export async function prepareBundle(
  workspace: Workspace,
  request: RequestOf<'bundle'>,
): Promise<Tasks['bundle']['task']> {
  const variant = readVariant(workspace, request.variant)
  const teacher = requireTeacher(workspace, request.study)
  return {
    name: variant.name,
    folder: fileName(variant.name),
    model: modelRef(workspace, variant.id),
    summary: variant.summary,
    dataset: currentDataset(workspace, request.study) ?? null,
    evidence: readEvidence(workspace, variant.id),
    evaluation: latestEvaluation(workspace, variant.id)?.evaluation ?? null,
    benchmark: sharedBenchmark(
      workspace,
      request.study,
      variantCore(workspace, teacher).model,
      variant.model,
    ),
  }
}

/** The file lies in the store by now; the artifact gives it a name. */
export function commitArtifact(
  workspace: Workspace,
  job: string,
  request: RequestOf<'report' | 'bundle'>,
  { file, bytes }: Tasks['report']['result'],
): Committed {
  const isReport = request.kind === 'report'
  const subject = isReport
    ? studyName(workspace, request.study)
    : readVariant(workspace, request.variant).name
  const artifact = addArtifact(workspace, {
    job,
    name: isReport ? `${fileName(subject)}-report.html` : `${fileName(subject)}-bundle.zip`,
    mime: isReport ? 'text/html; charset=utf-8' : 'application/zip',
    bytes,
    path: workspace.store.relativePath(file),
  })
  return { made: artifact.id, next: [] }
}

/** A person's name for something as a file name: 'Static int8 (b)' → 'static-int8-b'. */
export function fileName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .toLowerCase()
  return plain || 'bantam'
}

function studyName({ database }: Workspace, study: string): string {
  return String(database.get('SELECT name FROM studies WHERE id = ?', study)?.name ?? 'study')
}
