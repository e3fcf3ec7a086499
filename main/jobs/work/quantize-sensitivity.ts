/** Measuring what each layer of a variant loses in 8 bits. */
import { readModelSummary } from '../../workspace/models'
import { putSensitivity } from '../../workspace/sensitivities'
import type { Workspace } from '../../workspace/workspace'
import type { Tasks } from '../protocol'
import type { RequestOf } from '../requests'
import type { Committed } from './committed'
import { machine, modelRef } from './lookup'
import { requireDataset } from './sensitivity'

type Kind = 'quantize-sensitivity'

/** Throws `not-found`, and `bad-data` for a study without data. */
export async function prepareQuantizeSensitivity(
  workspace: Workspace,
  { study, variant, options, samples }: RequestOf<Kind>,
): Promise<Tasks[Kind]['task']> {
  const model = modelRef(workspace, variant)
  const { hash: dataset, spec } = requireDataset(workspace, study)
  const { inputs } = readModelSummary(workspace, model.hash)
  const { threads } = await machine(workspace)
  return { model, inputs, dataset, spec, threads, options, samples }
}

export function commitQuantizeSensitivity(
  workspace: Workspace,
  _job: string,
  _request: RequestOf<Kind>,
  { model, dataset, sensitivity }: Tasks[Kind]['result'],
): Committed {
  putSensitivity(workspace, { model, dataset }, 'quantize', sensitivity)
  return { made: null, next: [] }
}
