/** What a plan of static int8 would do: the model made as the job makes it, looked at, measured and timed. */
import { join } from 'node:path'
import type { Plan } from '../../../shared/domain'
import type { QuantizePreview } from '../../../shared/quantize'
import type { TaskContext } from '../../jobs/context'
import { speedNextTo } from '../../jobs/speed-next-to'
import type { Model } from '../../onnx/model'
import { writeModel } from '../../onnx/write'
import { int8Share, macShares } from '../mixed/layers'
import { preparedForStatic } from '../prepare'
import { staticInt8 } from '../static-int8'
import type { Worth } from '../worth'
import { StaticDecisions } from './options'

/**
 * `worth`: the parent's, on samples that the result is measured on. Leaves a file in the task's temporary folder. Throws
 * what applying, writing and running throw.
 */
export async function previewStatic(
  parent: { path: string; sizeBytes: number; model: Model },
  plan: Plan,
  worth: Worth,
  context: TaskContext,
): Promise<QuantizePreview> {
  const { model, path, sizeBytes: before } = parent
  const quantized = await staticInt8.apply(model, plan)
  const file = join(context.tempDir, 'preview.onnx')
  const { sizeBytes: after } = await writeModel(quantized, file)
  const point = await worth.of(quantized, context)
  const decisions = StaticDecisions.parse(plan.decisions)
  const shares = await macShares((await preparedForStatic(model)).model)
  const { metric, reference, samples } = worth
  const told = plan.notes.map(note => note.message)
  return {
    sizeBytes: { before, after },
    metric,
    reference,
    quantized: point,
    samples,
    nodes: decisions.nodes.length + decisions.absorbed.length,
    macs: int8Share(shares, decisions),
    ...(await speedNextTo(path, file, told)),
  }
}
