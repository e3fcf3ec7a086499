/** Making and measuring variants. */
import { currentDataset, readDataset } from '../../workspace/datasets'
import { addBenchmark, addEvaluation, putProfiles } from '../../workspace/measurements'
import { addModel, readModelSummary } from '../../workspace/models'
import { addVariant, listVariants, requireTeacher, variantCore } from '../../workspace/variants'
import type { Workspace } from '../../workspace/workspace'
import type { Measurements, MeasureTask, Tasks } from '../protocol'
import type { RequestOf } from '../requests'
import type { Committed } from './committed'
import { datasetRef, evaluatedRef, machine, modelRef, referencedModels } from './lookup'

export async function prepareVariant(
  workspace: Workspace,
  request: RequestOf<'variant'>,
): Promise<Tasks['variant']['task']> {
  const teacher = requireTeacher(workspace, request.study)
  const parent = modelRef(workspace, request.parent ?? teacher)
  const { conditions } = request
  const dataset = conditions?.dataset
    ? readDataset(workspace, conditions.dataset)
    : currentDataset(workspace, request.study)
  const measure = await measureTask(workspace, request.study, [1, 32], [], dataset)
  return {
    parent,
    step: request.step,
    seed: request.seed,
    inputs: readModelSummary(workspace, parent.hash).inputs,
    models: referencedModels(workspace, request.study, request.step),
    measure: conditions ? { ...measure, device: conditions.device, threads: conditions.threads } : measure,
  }
}

export function commitVariant(
  workspace: Workspace,
  _job: string,
  request: RequestOf<'variant'>,
  result: Tasks['variant']['result'],
): Committed {
  // Throws when the parent was removed meanwhile: a variant without its origin would not be honest.
  const parent = variantCore(workspace, request.parent ?? requireTeacher(workspace, request.study)).id
  addModel(workspace, result.summary)
  const { verification, measurements } = result
  const made = addVariant(workspace, {
    study: request.study,
    parent,
    name: request.name ?? result.title,
    model: result.summary.hash,
    step: { technique: result.plan.technique, options: result.plan.options },
    seed: request.seed,
    plan: { digest: result.evidence.planDigest, plan: result.plan },
    verification: { ...verification, notes: [...verification.notes, ...measurements.notes] },
    evidence: result.evidence,
  })
  addMeasurements(workspace, request.study, measurements)
  return { made, next: [] }
}

export async function prepareMeasure(
  workspace: Workspace,
  request: RequestOf<'measure'>,
): Promise<Tasks['measure']['task']> {
  const task = await measureTask(workspace, request.study, request.batches, request.threads)
  const ids =
    request.variants.length > 0 ? request.variants : listVariants(workspace, request.study).map(v => v.id)
  const variants = ids.map(id => modelRef(workspace, id)).filter(model => model.hash !== task.teacher.hash)
  const { inputs } = readModelSummary(workspace, task.teacher.hash)
  return { ...task, variants: unique(variants), inputs }
}

export function commitMeasure(
  workspace: Workspace,
  _job: string,
  request: RequestOf<'measure'>,
  result: Measurements,
): Committed {
  addMeasurements(workspace, request.study, result)
  return { made: null, next: [] }
}

/** Threads empty: as many as the settings say. */
async function measureTask(
  workspace: Workspace,
  study: string,
  batches: number[],
  threadCounts: number[],
  dataset = currentDataset(workspace, study),
): Promise<Omit<MeasureTask, 'variants'>> {
  const teacher = requireTeacher(workspace, study)
  const { device, threads } = await machine(workspace)
  return {
    device,
    threads,
    teacher: modelRef(workspace, teacher),
    teacherEvaluation: evaluatedRef(workspace, teacher, dataset),
    dataset: datasetRef(dataset),
    batches,
    threadCounts: threadCounts.length > 0 ? threadCounts : [1],
  }
}

/** Records what was measured with every variant that is the model it was measured of. */
function addMeasurements(workspace: Workspace, study: string, measurements: Measurements): void {
  const variants = workspace.database
    .all('SELECT id, model FROM variants WHERE study_id = ? AND removal IS NULL', study)
    .map(row => ({ id: String(row.id), model: String(row.model) }))
  for (const { model, dataset, evaluation, outputs } of measurements.evaluations) {
    for (const v of variants)
      if (v.model === model) addEvaluation(workspace, v.id, dataset, evaluation, outputs)
  }
  if (measurements.benchmark) addBenchmark(workspace, study, measurements.benchmark)
  for (const [model, profiles] of Object.entries(measurements.profiles)) {
    for (const v of variants) if (v.model === model) putProfiles(workspace, v.id, profiles)
  }
}

function unique<T extends { hash: string }>(models: T[]): T[] {
  return [...new Map(models.map(m => [m.hash, m])).values()]
}
