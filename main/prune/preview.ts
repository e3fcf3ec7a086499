/** What a plan of pruning would do: the model made as the job makes it, without recovery, looked at and timed. */
import { join } from 'node:path'
import type { Plan } from '../../shared/domain'
import { PruneDecisions, type PrunePreview } from '../../shared/prune'
import type { TaskContext } from '../jobs/context'
import { speedNextTo } from '../jobs/speed-next-to'
import { inspectModel } from '../measure/inspect'
import type { Model } from '../onnx/model'
import { writeModel } from '../onnx/write'
import type { SampleSet } from '../technique'
import { techniqueById } from '../techniques'

/**
 * `training`: samples for what is decided when the plan is applied, such as the channels of later rounds. Leaves a file
 * in the task's temporary folder. Throws what applying and writing throw.
 */
export async function previewPlan(
  parent: { path: string; sizeBytes: number },
  model: Model,
  plan: Plan,
  { threads, training }: { threads: number; training?: SampleSet | undefined },
  context: TaskContext,
): Promise<PrunePreview> {
  const bare: Plan = { ...plan, options: { ...plan.options, recovery: 'distill', recover: 0 } }
  const run = { threads, training, device: 'cpu' as const, context, record() {} }
  const pruned = await techniqueById(plan.technique).apply(model, bare, run)
  const file = join(context.tempDir, 'preview.onnx')
  const { sizeBytes } = await writeModel(pruned, file)
  const { parameters, macs } = await inspectModel(file)
  const decisions = PruneDecisions.parse(plan.decisions)
  return {
    ...decisions,
    after: { ...decisions.after, parameters, macs },
    sizeBytes: { before: parent.sizeBytes, after: sizeBytes },
    ...(await speedNextTo(
      parent.path,
      file,
      plan.notes.map(note => note.message),
    )),
  }
}
