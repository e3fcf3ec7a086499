/**
 * Weights stored in bfloat16, computed with in float32: a Cast stands between, which ONNX Runtime computes once while
 * loading. Its CPU provider has no bfloat16 kernel for arithmetic (of 65 operators tried only those that move values,
 * and LayerNormalization, load), so nothing else would run there.
 */
import { makeNode } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { dataTypeOf, makeTensor, tensorDims } from '../../onnx/tensor'
import { nodeId } from '../names'
import { raiseOpset } from '../upgrade'
import { floatValues } from '../weights'
import { storedInputs } from './candidates'

/** First opset whose Cast knows bfloat16. */
export const BFLOAT_OPSET = 13

/** Stores the constants of the chosen nodes (by first output) in bfloat16; one that others read stays for them too. */
export function writeBfloat(model: Model, chosen: ReadonlySet<string>): void {
  const { graph } = model
  if (model.opset() < BFLOAT_OPSET) raiseOpset(model, BFLOAT_OPSET)
  const widened = new Map<string, string>()
  for (const node of [...graph.nodes]) {
    if (!chosen.has(nodeId(node))) continue
    for (const i of storedInputs(model, node)) {
      const name = node.input[i] as string // listed by storedInputs
      const tensor = graph.initializer(name)
      if (!tensor) continue
      let wide = widened.get(name)
      if (!wide) {
        const stored = graph.freshName(`${name}_bf16`)
        wide = graph.freshName(`${name}_f32`)
        const values = floatValues(tensor, model.directory)
        graph.setInitializer(makeTensor(stored, 'bfloat16', tensorDims(tensor), values))
        const to = BigInt(dataTypeOf('float32'))
        graph.add(makeNode('Cast', [stored], [wide], { to }, { name: `${wide}_cast` }), graph.nodes[0])
        widened.set(name, wide)
      }
      graph.setInput(node, i, wide)
    }
  }
  graph.removeUnusedInitializers()
}
