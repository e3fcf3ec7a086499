/**
 * Exporters write tensors that are equal once. In a fresh net all scales are ones and all biases and means zeros, and so
 * one tensor may serve several layers, which would then be trained as one.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { copyModel } from '../onnx/copy'
import { type Model, normalDomain } from '../onnx/model'
import { shallow } from '../onnx/shallow'
import { tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'
import { inlineFunctions } from './expand/functions'
import { isBatchNormalization, throughIdentity } from './prepare'

/** Where a scale or bias of its own belongs. */
const PLACES: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  Conv: [2],
  ConvTranspose: [2],
  Gemm: [2],
  GroupNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  Mul: [0, 1],
  PRelu: [1],
  RMSNormalization: [1],
}

/**
 * A copy in which every BatchNormalization has a scale, bias, mean and variance of its own, and every layer a scale and
 * bias of its own where the shared one has one number everywhere, as no trained tensor has; the first reader keeps the
 * name. Calls of the model's own functions are put in line, so that none hides in one. The model itself when all that
 * is so already. Throws what reading tensors throws.
 */
export function untieNormalization(source: Model): Model {
  const model = inlineFunctions(source)
  const copy = copyModel(model)
  const { graph } = copy
  const taken = new Set<string>()
  let changed = false
  for (const node of graph.nodes) {
    const batch = isBatchNormalization(node)
    for (const index of batch ? [1, 2, 3, 4] : placesOf(node)) {
      const read = node.input[index] ?? ''
      const source = throughIdentity(copy, read)
      const tensor = graph.initializer(source)
      if (!tensor || !(batch || isFresh(copy, tensor))) continue
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

function placesOf(node: NodeProto): readonly number[] {
  return normalDomain(node.domain) === '' ? (PLACES[node.opType] ?? []) : []
}

/** True for a float vector of several equal numbers: what scales and biases start as. */
function isFresh(model: Model, tensor: TensorProto): boolean {
  if (tensor.dataType !== 1 || tensor.dims.length === 0) return false
  const values = toNumbers(tensorValues(tensor, model.directory))
  const [first] = values
  return values.length > 1 && values.every((v: number) => v === first)
}
