/** How many samples run at once, so that what one run makes fits memory. */
import type { Dataset } from '../../data/dataset'
import { inferTypes } from '../../onnx/infer'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { elementCount } from '../../runtime/tensor'

/** Bytes that the largest value of a run may have; a session holds some values at a time. */
const LARGEST = 256 * 2 ** 20

/**
 * Samples of one run at most, at least one: the scores of attention, say, grow with the square of the tokens. Free axes
 * are as long as the data says; those it says nothing of do not count.
 */
export async function mostSamples(model: Model, dataset: Dataset): Promise<number> {
  const sizes = new Map<string, number>()
  const known = new Map(dataset.summary.inputs.map(({ name, shape }) => [name, shape]))
  for (const { name, shape } of modelInputs(model)) {
    const own = known.get(name)
    if (!own || own.length + 1 !== shape.length) continue
    for (const [axis, size] of shape.entries()) {
      const length = axis === 0 ? 1 : own[axis - 1]
      if (typeof size === 'string' && size !== '' && typeof length === 'number') sizes.set(size, length)
    }
  }
  let most = 1
  for (const [name, { shape }] of await inferTypes(model)) {
    if (model.graph.initializer(name)) continue
    const dims = shape.map(size => (typeof size === 'number' ? size : (sizes.get(size) ?? 1)))
    most = Math.max(most, elementCount(dims))
  }
  return Math.max(1, Math.floor(LARGEST / (4 * most)))
}
