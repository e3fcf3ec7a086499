/** What the tests of this folder share. Imported by tests only. */
import type { Model } from '../onnx/model'
import { tensorValues } from '../onnx/tensor'
import type { Tensor } from '../runtime/tensor'

/** The weights of a model as feeds of its gradient graph. */
export function weightFeeds(model: Model, names: readonly string[]): Record<string, Tensor> {
  return Object.fromEntries(
    names.map(name => {
      const tensor = model.graph.initializer(name)
      if (!tensor) throw new Error(`${name} is no weight`)
      return [name, tensorValues(tensor, model.directory)]
    }),
  )
}
