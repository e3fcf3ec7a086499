/** Static int8 quantization, second half: biases as corrected, QuantizeLinear / DequantizeLinear pairs, tables as codes. */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { makeNode } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor, tensorCount, tensorDims } from '../../onnx/tensor'
import { nodeId } from '../names'
import { insertQdq } from '../qdq'
import { floatValues } from '../weights'
import type { StaticDecisions } from './options'
import { writeTables } from './tables'

/**
 * Edits the prepared model as decided. The bias of a Conv or Gemm is an input of it, that of a MatMul an Add behind it.
 * Throws `internal` when a name of the plan is not in the model.
 */
export function writeStatic(model: Model, decisions: StaticDecisions): void {
  const { graph } = model
  const byId = new Map(graph.nodes.map(node => [nodeId(node), node]))
  const products: { node: NodeProto; bias: Float32Array<ArrayBuffer> }[] = []
  for (const { id, values } of decisions.biases) {
    const node = byId.get(id)
    if (!node)
      throw new BantamError('internal', 'The plan names a node that the model does not have.', { where: id })
    const bias = new Float32Array(Uint8Array.from(Buffer.from(values, 'base64')).buffer)
    if (node.opType === 'MatMul') products.push({ node, bias })
    else graph.setInput(node, 2, addConstant(model, id, [bias.length], bias))
  }
  insertQdq(model, decisions)
  writeTables(model, decisions.tables, decisions.added)
  for (const { node, bias } of products) addBehind(model, node, bias)
  if (products.length > 0) graph.sort()
}

/** Adds a bias to what a MatMul gives: to the constant of a float Add that alone reads it, else by an Add. */
function addBehind(model: Model, node: NodeProto, bias: Float32Array): void {
  const { graph } = model
  const output = node.output[0] as string
  const [use, ...more] = graph.uses(output)
  if (use?.node.opType === 'Add' && more.length === 0 && !graph.isOutput(output)) {
    const at = 1 - use.index
    const known = graph.initializer(use.node.input[at] ?? '')
    const dims = known ? tensorDims(known) : []
    if (known && dims.at(-1) === bias.length && tensorCount(known) === bias.length) {
      const sum = floatValues(known, model.directory).map((b, c) => b + (bias[c] ?? 0))
      graph.setInput(use.node, at, addConstant(model, output, dims, sum))
      graph.removeUnusedInitializers()
      return
    }
  }
  const product = graph.freshName(`${output}_product`)
  graph.setOutput(node, 0, product)
  const constant = addConstant(model, output, [bias.length], bias)
  graph.add(makeNode('Add', [product, constant], [output], {}, { name: `${product}_bias` }))
}

function addConstant({ graph }: Model, base: string, dims: number[], values: Float32Array): string {
  const name = graph.freshName(`${base}_corrected_bias`)
  graph.setInitializer(makeTensor(name, 'float32', dims, values))
  return name
}
