/** Importing models and datasets. */
import { BantamError } from '../../../shared/errors'
import { addDataset, currentDataset } from '../../workspace/datasets'
import { addModel, readModelSummary } from '../../workspace/models'
import { addVariant, requireTeacher, teacherOf, variantCore } from '../../workspace/variants'
import type { Workspace } from '../../workspace/workspace'
import type { Tasks } from '../protocol'
import type { JobRequest, RequestOf } from '../requests'
import type { Committed } from './committed'
import { machine, modelRef } from './lookup'

export async function prepareModel(
  workspace: Workspace,
  request: RequestOf<'import-model'>,
): Promise<Tasks['import-model']['task']> {
  checkPlace(workspace, request)
  return { path: request.path }
}

export function commitModel(
  workspace: Workspace,
  _job: string,
  request: RequestOf<'import-model'>,
  { summary }: Tasks['import-model']['result'],
): Committed {
  checkPlace(workspace, request)
  addModel(workspace, summary)
  const made = addVariant(workspace, {
    study: request.study,
    parent: request.parent,
    name: request.name,
    model: summary.hash,
    step: null,
    seed: 0,
    plan: null,
    verification: null,
    evidence: null,
  })
  return {
    made,
    next: request.measure
      ? [{ title: `Measure ${request.name}`, request: measureAll(request.study, [made]) }]
      : [],
  }
}

export async function prepareDataset(
  workspace: Workspace,
  request: RequestOf<'import-dataset'>,
): Promise<Tasks['import-dataset']['task']> {
  const teacher = modelRef(workspace, requireTeacher(workspace, request.study))
  const { inputs } = readModelSummary(workspace, teacher.hash)
  return { spec: request.spec, teacher, inputs, ...(await machine(workspace)) }
}

export function commitDataset(
  workspace: Workspace,
  _job: string,
  request: RequestOf<'import-dataset'>,
  { summary, pictures }: Tasks['import-dataset']['result'],
): Committed {
  const first = currentDataset(workspace, request.study) === undefined
  const made = addDataset(workspace, { study: request.study, name: request.name, pictures, summary })
  const title = first ? 'Measure the teacher' : `Measure on ${request.name}`
  return { made, next: request.measure ? [{ title, request: measureAll(request.study, []) }] : [] }
}

/** The usual measurement: batches 1 and 32, one thread. */
export function measureAll(study: string, variants: string[]): JobRequest {
  return { kind: 'measure', study, variants, batches: [1, 32], threads: [1] }
}

/** A study has one teacher; a variant needs the parent it names. */
function checkPlace(workspace: Workspace, { study, parent }: RequestOf<'import-model'>): void {
  if (parent) variantCore(workspace, parent)
  else if (teacherOf(workspace, study)) {
    throw new BantamError('conflict', 'The study has a teacher already.', {
      action: 'Import the model as a variant of it, or make another study.',
    })
  }
}
