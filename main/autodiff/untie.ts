/**
 * Exporters write tensors that are equal once. In a fresh net all scales of batch normalization are ones and all means
 * zeros, and so one tensor may serve several layers, which would then be trained as one.
 */
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { shallow } from '../onnx/shallow'
import { isBatchNormalization, throughIdentity } from './prepare'

/**
 * A copy in which every BatchNormalization has a scale, bias, mean and variance of its own; the first keeps the name.
 * The model itself when that is so already.
 */
export function untieNormalization(model: Model): Model {
  const copy = copyModel(model)
  const { graph } = copy
  const taken = new Set<string>()
  let changed = false
  for (const node of graph.nodes.filter(isBatchNormalization)) {
    for (const index of [1, 2, 3, 4]) {
      const read = node.input[index] ?? ''
      const source = throughIdentity(copy, read)
      const tensor = graph.initializer(source)
      if (!tensor) continue
      let name = source
      if (taken.has(source)) {
        const own = shallow(tensor)
        own.name = name = graph.freshName(source)
        graph.setInitializer(own)
      }
      taken.add(name)
      if (name === read) continue
      graph.setInput(node, index, name)
      changed = true
    }
  }
  return changed ? copy : model
}
