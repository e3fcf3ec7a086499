/** What a plan of a quantization would do: the model made as the job makes it, looked at, measured and timed. */
import { join } from 'node:path'
import type { Plan } from '../../shared/domain'
import { errorLine, toErrorData } from '../../shared/errors'
import type { QuantizePreview } from '../../shared/quantize'
import type { TaskContext } from '../jobs/context'
import { speedNextTo } from '../jobs/speed-next-to'
import type { Model } from '../onnx/model'
import { writeModel } from '../onnx/write'
import type { Technique } from '../technique'
import { int8Share, macShares } from './mixed/layers'
import { preparedForStatic } from './prepare'
import { StaticDecisions } from './static/options'
import { staticInt8 } from './static-int8'
import type { Worth } from './worth'

/**
 * `worth`: the parent's, on samples that the result is measured on; null where there are none. Leaves a file in the
 * task's temporary folder. What cannot be measured is null and has a note. Throws what applying and writing throw.
 */
export async function previewQuantized(
  parent: { path: string; sizeBytes: number; model: Model },
  technique: Technique,
  plan: Plan,
  worth: Worth | null,
  context: TaskContext,
): Promise<QuantizePreview> {
  const { model, path, sizeBytes: before } = parent
  const quantized = await technique.apply(model, plan)
  const file = join(context.tempDir, 'preview.onnx')
  const { sizeBytes: after } = await writeModel(quantized, file)
  const told = plan.notes.map(note => note.message)
  const found = worth ? await worthOf(worth, quantized, context) : { worth: null, notes: [] }
  const int8 = technique.id === staticInt8.id ? await int8Of(model, plan) : null
  return {
    sizeBytes: { before, after },
    worth: found.worth,
    int8,
    ...(await speedNextTo(path, file, [...told, ...found.notes])),
  }
}

async function worthOf(
  worth: Worth,
  model: Model,
  context: TaskContext,
): Promise<Pick<QuantizePreview, 'worth' | 'notes'>> {
  try {
    const { metric, reference, samples } = worth
    return { worth: { metric, reference, quantized: await worth.of(model, context), samples }, notes: [] }
  } catch (error) {
    if (context.signal.aborted) throw error
    return { worth: null, notes: [`What it loses could not be measured: ${errorLine(toErrorData(error))}`] }
  }
}

async function int8Of(model: Model, plan: Plan): Promise<QuantizePreview['int8']> {
  const decisions = StaticDecisions.parse(plan.decisions)
  const shares = await macShares((await preparedForStatic(model)).model)
  return { nodes: decisions.nodes.length + decisions.absorbed.length, macs: int8Share(shares, decisions) }
}
