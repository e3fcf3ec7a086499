/** What a model costs, from its graph alone: nothing is run. */

import type { TensorInfo } from '../../shared/domain'
import { perSample } from '../measure/inspect'
import { summarizeLayers } from '../measure/layers'
import { assumeShapes } from '../onnx/assume'
import { declaredTypes, inferWithShapes, type Types, valueTensorInfo } from '../onnx/infer'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'

export interface ModelCost {
  parameters: number
  /** Multiply-accumulates for one sample, as `inspectModel` counts them. */
  macs: number
  /** Operators of unknown cost, with how many nodes. */
  unknownCost: Record<string, number>
}

/** Lengths tried where the assumed one does not fit a model: it has fewer positions, or one length baked in. */
const SHORTER = [64, 32, 16, 8, 6]

/**
 * Parameters and multiply-accumulates of models with the same inputs, for one sample each: symbolic sizes as
 * `assumeShapes` says, or the same shorter ones for all.
 */
export async function modelCosts(models: readonly Model[]): Promise<ModelCost[]> {
  const [first] = models
  if (!first) return []
  const sized = await sizedTypes(models, modelInputs(first))
  return models.map((model, i) => {
    const types = sized[i] ?? declaredTypes(model)
    const outputs = model.graph.proto.output.flatMap(value => valueTensorInfo(value) ?? [])
    const { parameters, macs, unknownCost } = perSample(
      summarizeLayers(model, types, types),
      modelInputs(model),
      outputs,
    )
    return { parameters, macs, unknownCost }
  })
}

/** Types of each model with every dimension a number, the same sizes for all; none where ORT accepts no sizes. */
export async function sizedTypes(models: readonly Model[], inputs: readonly TensorInfo[]): Promise<Types[]> {
  const { shapes, assumptions } = assumeShapes(inputs.filter(input => input.type !== 'sequence'))
  for (const length of [null, ...(assumptions.length > 0 ? SHORTER : [])]) {
    const tried = new Map([...shapes].map(([name, shape]) => [name, [...shape]]))
    for (const { input, axis } of length === null ? [] : assumptions) {
      const shape = tried.get(input)
      if (shape && length !== null) shape[axis] = length
    }
    const found: Types[] = []
    for (const model of models) {
      const types = await inferWithShapes(model, tried)
      if (types) found.push(types)
      else break
    }
    if (found.length === models.length) return found
  }
  return []
}
