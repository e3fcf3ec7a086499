/** From a trained net back to integers: the trained weights in the float model, the trained scales in the decisions. */
import type { Model } from '../onnx/model'
import { tensorValues } from '../onnx/tensor'
import { editableCopy } from '../quantize/copy'
import type { StaticDecisions } from '../quantize/static/options'
import { writeStatic } from '../quantize/static/write'
import { toNumbers } from '../runtime/tensor'
import { type FakeQuantized, weightKey } from './net'
import { scaleGroups } from './scale-groups'
import { type StepSize, stepSizes } from './step-size'

/** The decisions with the steps that were learned, read from the trained net. */
export function learnedDecisions(
  prepared: Model,
  decisions: StaticDecisions,
  { steps }: Pick<FakeQuantized, 'steps'>,
  trained: Model,
): StaticDecisions {
  const groups = scaleGroups(prepared, decisions)
  const sizes = (step: StepSize) => {
    const tensor = trained.graph.initializer(step.parameter)
    return stepSizes(step, tensor ? toNumbers(tensorValues(tensor, trained.directory)) : [])
  }
  return {
    ...decisions,
    values: decisions.values.map(value => {
      const step = steps.activations.get(groups.group(value.name))
      return step ? { ...value, scale: sizes(step)[0] ?? value.scale } : value
    }),
    weights: decisions.weights.map(weight => {
      const step = steps.weights.get(weightKey(weight))
      return step ? { ...weight, scales: sizes(step) } : weight
    }),
  }
}

/** The prepared model in int8, with the values its initializers have in the trained net. */
export function writeTrained(prepared: Model, decisions: StaticDecisions, trained: Model): Model {
  const copy = editableCopy(prepared)
  const { graph } = copy
  for (const { name } of [...graph.initializers()]) {
    const tensor = trained.graph.initializer(name)
    if (tensor) graph.setInitializer(tensor)
  }
  writeStatic(copy, decisions)
  return copy
}
