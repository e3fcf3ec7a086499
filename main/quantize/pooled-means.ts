/**
 * Means over all places of a picture (ReduceMean over the last two of four axes, as PyTorch's `mean([2, 3])` is exported)
 * as GlobalAveragePool: the same numbers, and ONNX Runtime has an 8-bit kernel for it. Between 8-bit layers, squeeze and
 * excitation above all, a ReduceMean would make the whole activation float in every run.
 */
import type { NodeProto } from 'onnx-buf'
import type { TensorInfo } from '../../shared/domain'
import { intAttribute, intsAttribute, makeNode } from '../onnx/build'
import { type Model, normalDomain } from '../onnx/model'
import { tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'

/** Whether `poolMeans` could find something. */
export function hasMeans(model: Model): boolean {
  return model.graph.nodes.some(isMean)
}

/** Replaces them, and answers how many there were. A mean that drops its axes is flattened behind the pooling. */
export function poolMeans(model: Model, types: ReadonlyMap<string, TensorInfo>): number {
  const { graph } = model
  let count = 0
  for (const node of [...graph.nodes]) {
    const [input = '', , ...more] = node.input
    const output = node.output[0] ?? ''
    const value = types.get(input)
    if (!isMean(node) || more.length > 0 || value?.type !== 'float32' || value.shape.length !== 4) continue
    const axes = axesOf(model, node)?.map(axis => (axis < 0 ? axis + 4 : axis))
    if (axes?.length !== 2 || !axes.includes(2) || !axes.includes(3)) continue
    const next = graph.nodes[graph.nodes.indexOf(node) + 1]
    const keeps = intAttribute(node, 'keepdims', 1) !== 0
    const pooled = keeps ? output : graph.freshName(`${output}_pooled`)
    graph.remove([node])
    graph.add(makeNode('GlobalAveragePool', [input], [pooled], {}, { name: node.name }), next)
    if (!keeps) graph.add(makeNode('Flatten', [pooled], [output]), next)
    count++
  }
  if (count > 0) graph.removeUnusedInitializers()
  return count
}

function isMean({ opType, domain }: NodeProto): boolean {
  return opType === 'ReduceMean' && normalDomain(domain) === ''
}

/** An attribute up to operator set 17, then an input; undefined where they are computed or all are meant. */
function axesOf({ graph, directory }: Model, node: NodeProto): number[] | undefined {
  const given = intsAttribute(node, 'axes')
  const tensor = graph.initializer(node.input[1] ?? '')
  return given ?? (tensor ? [...toNumbers(tensorValues(tensor, directory))].map(Number) : undefined)
}
