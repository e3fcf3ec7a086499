/** Measuring how much each part of a variant matters. */
import { BantamError } from '../../../shared/errors'
import { currentDataset } from '../../workspace/datasets'
import { readModelSummary } from '../../workspace/models'
import { putSensitivity } from '../../workspace/sensitivities'
import type { Workspace } from '../../workspace/workspace'
import type { Tasks } from '../protocol'
import type { RequestOf } from '../requests'
import type { Committed } from './committed'
import { machine, modelRef } from './lookup'

/** Throws `not-found`, and `bad-data` for a study without data. */
export async function prepareSensitivity(
  workspace: Workspace,
  { study, variant, importance, keeps, samples }: RequestOf<'sensitivity'>,
): Promise<Tasks['sensitivity']['task']> {
  const model = modelRef(workspace, variant)
  const { hash: dataset, spec } = requireDataset(workspace, study)
  const { inputs } = readModelSummary(workspace, model.hash)
  const { threads } = await machine(workspace)
  return { model, inputs, dataset, spec, threads, importance, keeps, samples }
}

export function commitSensitivity(
  workspace: Workspace,
  _job: string,
  _request: RequestOf<'sensitivity'>,
  { model, dataset, sensitivity }: Tasks['sensitivity']['result'],
): Committed {
  putSensitivity(workspace, { model, dataset }, 'prune', sensitivity)
  return { made: null, next: [] }
}

/** The study's current data. Throws `bad-data` without any. */
export function requireDataset(workspace: Workspace, study: string) {
  const dataset = currentDataset(workspace, study)
  if (dataset) return dataset
  throw new BantamError(
    'bad-data',
    'How much each part matters is measured on data, and the study has none.',
    {
      action: 'Add data first.',
    },
  )
}
