/** What tasks are told about models, datasets and the machine. */
import type { DatasetRecord } from '../../../shared/domain'
import { defaultThreads } from '../../measure/hardware'
import { latestEvaluation } from '../../workspace/measurements'
import { readSettings } from '../../workspace/settings'
import { variantCore } from '../../workspace/variants'
import type { Workspace } from '../../workspace/workspace'
import type { DatasetRef, EvaluatedRef, Machine, ModelRef } from '../protocol'

/** Throws `not-found`. */
export function modelRef(workspace: Workspace, variant: string): ModelRef {
  const { model, name } = variantCore(workspace, variant)
  return { path: workspace.store.modelPath(model), hash: model, name }
}

export function datasetRef(dataset: DatasetRecord | undefined): DatasetRef | null {
  return dataset ? { id: dataset.id, spec: dataset.spec } : null
}

/** The teacher's stored outputs on a dataset, when it was evaluated on it. */
export function evaluatedRef(
  workspace: Workspace,
  variant: string,
  dataset: DatasetRecord | undefined,
): EvaluatedRef | null {
  const stored = dataset && latestEvaluation(workspace, variant)
  if (!stored || stored.dataset !== dataset.id || !workspace.store.has(stored.outputs)) return null
  return { hash: variantCore(workspace, variant).model, outputs: workspace.store.path(stored.outputs) }
}

/** Device and threads of the settings; 0 threads means the machine's physical cores. */
export async function machine(workspace: Workspace): Promise<Machine> {
  const { device, threads } = readSettings(workspace)
  return { device, threads: threads || (await defaultThreads()) }
}
