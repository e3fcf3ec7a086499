/** Choices of place beyond what kernels allow: gates of dense layers, and the first and last layers. */
import type { NodeProto } from 'onnx-buf'
import type { Model } from '../../onnx/model'
import type { QuantizeRole } from '../../operators/quantize'

type Roles = ReadonlyMap<NodeProto, QuantizeRole>

/**
 * Sigmoid and Mul nodes that read nothing a convolution made: gates of dense layers (SiLU, SwiGLU). A dense layer has a
 * kernel with float output, so that nothing is gained by three more roundings, and their products have the outliers of
 * transformers. Behind a convolution, whose kernel gives 8 bits anyway, they are free.
 */
export function denseGates(order: readonly NodeProto[], roles: Roles): Set<NodeProto> {
  const coded = new Set<string>()
  const gates = new Set<NodeProto>()
  for (const node of order) {
    const role = roles.get(node)
    if (!role) continue
    const keepsFloat = role.kind === 'weighted' && role.floatOutput
    const reads = node.input.some(name => coded.has(name))
    const gate = (role.kind === 'unary' && role.lossy) || (role.kind === 'binary' && node.opType === 'Mul')
    if (gate && !reads) gates.add(node)
    else if (!keepsFloat && (role.kind === 'weighted' || reads))
      for (const name of node.output) coded.add(name)
  }
  return gates
}

/** Layers with weights that no other such layer comes before, or none behind. */
export function edgeLayers(model: Model, order: readonly NodeProto[], roles: Roles): Set<NodeProto> {
  const weighted = (node: NodeProto) => roles.get(node)?.kind === 'weighted'
  const behind = new Set<string>()
  const edges = new Set<NodeProto>()
  for (const node of order) {
    const reads = node.input.some(name => behind.has(name))
    if (weighted(node) && !reads) edges.add(node)
    if (weighted(node) || reads) for (const name of node.output) behind.add(name)
  }
  const before = new Set<NodeProto>()
  for (const node of [...order].reverse()) {
    const readers = node.output.flatMap(name => model.graph.uses(name).map(use => use.node))
    const leads = readers.some(reader => weighted(reader) || before.has(reader))
    if (leads) before.add(node)
    else if (weighted(node)) edges.add(node)
  }
  return edges
}
