/** What tasks are told about models, datasets and the machine. */
import type { DatasetRecord, Device, Step } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { defaultThreads } from '../../measure/hardware'
import { latestEvaluation } from '../../workspace/measurements'
import { readSettings } from '../../workspace/settings'
import { variantCore } from '../../workspace/variants'
import type { Workspace } from '../../workspace/workspace'
import type { DatasetRef, EvaluatedRef, Machine, ModelRef } from '../protocol'
import { referencedVariant, referencesOf } from '../references'

/** Throws `not-found`. */
export function modelRef(workspace: Workspace, variant: string): ModelRef {
  const { model, name } = variantCore(workspace, variant)
  return { path: workspace.store.modelPath(model), hash: model, name }
}

/**
 * The models a step names as `variant:ID`, by that text. Throws `not-found` naming one that does not exist (any more),
 * `bad-option` for one of another study.
 */
export function referencedModels(workspace: Workspace, study: string, step: Step): Record<string, ModelRef> {
  return Object.fromEntries(
    referencesOf(step).map(text => [text, referencedModel(workspace, study, referencedVariant(text) ?? '')]),
  )
}

/** A model of the study. Throws `not-found`, `bad-option` for one of another study. */
export function referencedModel(workspace: Workspace, study: string, id: string): ModelRef {
  let core: ReturnType<typeof variantCore>
  try {
    core = variantCore(workspace, id)
  } catch (error) {
    throw new BantamError('not-found', 'A model that the options name does not exist.', {
      where: `variant:${id}`,
      action: 'It may have been removed: bring it back, or choose another.',
      cause: error,
    })
  }
  if (core.study === study) return modelRef(workspace, id)
  throw new BantamError('bad-option', `${core.name} belongs to another study.`, {
    where: `variant:${id}`,
    action: 'Choose a model of this study.',
  })
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

/** Threads of the settings, and their device unless another is given; 0 threads means the machine's physical cores. */
export async function machine(workspace: Workspace, device?: Device): Promise<Machine> {
  const { device: usual, threads } = readSettings(workspace)
  return { device: device ?? usual, threads: threads || (await defaultThreads()) }
}
