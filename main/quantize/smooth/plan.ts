/** Smoothing as the first step of a plan of static int8 quantization. */
import type { Note } from '../../../shared/domain'
import type { TaskContext } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import type { PlanInput } from '../../technique'
import { nodesNamed } from '../names'
import type { StaticOptions } from '../static/options'
import { choicesOf } from '../static/overrides'
import { selectNodes } from '../static/select'
import { elementTypes } from '../types'
import type { Smoothing } from './options'
import { decideSmoothing } from './smooth'

/**
 * Smooths what dense layers read that will run in int8. `model`: prepared; `opset`: of the result. Throws what measuring
 * the model on calibration samples throws.
 */
export async function planSmoothing(
  model: Model,
  input: PlanInput & { calibration: NonNullable<PlanInput['calibration']> },
  options: StaticOptions,
  opset: number,
  context: TaskContext,
): Promise<{ model: Model; smoothing: Smoothing[]; notes: Note[] }> {
  if (options.smooth === 'none') return { model, smoothing: [], notes: [] }
  const { chosen } = selectNodes(model, await elementTypes(model), {
    operators: new Set(options.operators),
    exclude: nodesNamed(model.graph, options.exclude),
    wide: choicesOf(model, options.overrides).wide,
    edges: options.edges,
    opset,
  })
  const { dataset, indices } = input.calibration
  return decideSmoothing(
    model,
    chosen,
    { ...options, smooth: options.smooth, reduced: options.reduceRange },
    { dataset, indices: indices.subarray(0, options.samples), threads: input.threads },
    context,
  )
}
