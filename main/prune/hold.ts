/**
 * Zeros that stay zero while a net is trained: every held weight is multiplied by its mask inside the net, so that its
 * gradient is masked with it, and the mask is folded into the weight afterwards.
 */
import { makeNode } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims, tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'

/** One byte per element of a weight, by its name: 1 stays, 0 is held at zero. */
export type Hold = ReadonlyMap<string, Uint8Array>

const MASK = '.held-mask'

/** Whether a name is that of a mask, which is no weight to train. */
export function isHeldMask(name: string): boolean {
  return name.endsWith(MASK)
}

const HELD = '.held'

/** A copy in which readers of each weight read its product with the mask. Weights are float32 initializers. */
export function holdZeros(model: Model, hold: Hold): Model {
  const copy = copyModel(model)
  const { graph } = copy
  for (const [name, mask] of hold) {
    const tensor = graph.initializer(name)
    if (!tensor) continue
    const [masked, product] = [`${name}${MASK}`, `${name}${HELD}`]
    graph.replaceUses(name, product)
    graph.setInitializer(makeTensor(masked, 'float32', tensorDims(tensor), Float32Array.from(mask)))
    const first = graph.nodes[0]
    const node = makeNode('Mul', [name, masked], [product], {}, { name: product })
    graph.add(node, first)
  }
  graph.sort()
  return copy
}

/** A copy of what `holdZeros` made, or of the model before it, with the masks multiplied into the weights. */
export function foldHeld(model: Model, hold: Hold): Model {
  const copy = copyModel(model)
  const { graph } = copy
  for (const [name, mask] of hold) {
    const tensor = graph.initializer(name)
    if (!tensor) continue
    const values = toNumbers(tensorValues(tensor, model.directory))
    const kept = Float32Array.from(mask, (bit, i) => (bit ? (values[i] ?? 0) : 0))
    graph.setInitializer(makeTensor(name, 'float32', tensorDims(tensor), kept))
    const product = graph.producer(`${name}${HELD}`)
    if (!product) continue
    graph.replaceUses(`${name}${HELD}`, name)
    graph.remove([product])
  }
  graph.removeUnusedInitializers()
  return copy
}
