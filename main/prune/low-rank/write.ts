/** Puts two smaller layers in the place of one. The second keeps the node's name and result, so that others find it. */
import type { AttributeProto, NodeProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { intsAttribute, makeAttribute, makeNode } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import type { Graph } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { removeDead } from '../../onnx/passes/remove-dead'
import { shallow } from '../../onnx/shallow'
import { dataTypeName, makeTensor } from '../../onnx/tensor'
import { nodeLabel } from '../../quantize/names'
import type { Factors } from './factor'
import type { LowRankLayer } from './layers'

/** A layer to divide, with its two matrices; without them zeros of that rank, for shapes and costs. */
export interface Division {
  layer: LowRankLayer
  rank: number
  factors?: Factors
}

/** A copy of the model with the layers divided; weights `<weight>.u` and `<weight>.v` in the type of the weight. */
export async function divided(model: Model, divisions: Iterable<Division>): Promise<Model> {
  const copy = copyModel(model)
  const { graph } = copy
  const nodes = new Map(model.graph.nodes.map((node, i) => [node, copy.graph.nodes[i]]))
  for (const division of divisions) {
    const node = nodes.get(division.layer.node)
    if (!node) throw new BantamError('internal', 'A layer to divide is not of this model.')
    divide(graph, node, division)
  }
  return (await removeDead.run(copy)).model
}

function divide(graph: Graph, node: NodeProto, { layer, rank, factors }: Division): void {
  const { weight, scheme } = layer
  const tensor = graph.initializer(weight)
  const type = dataTypeName(tensor?.dataType ?? 1) === 'float16' ? 'float16' : 'float32'
  const [u, v] = [graph.freshName(`${weight}.u`), graph.freshName(`${weight}.v`)]
  const between = graph.freshName(`${node.output[0]}.rank`)
  const shapes = shapesOf(layer, rank)
  const store = (name: string, dims: readonly number[], data: Float32Array) =>
    graph.setInitializer(makeTensor(name, type, dims, data))
  store(u, shapes.u, firstValues(layer, rank, factors))
  store(v, shapes.v, secondValues(layer, rank, factors))
  const first = makeNode(
    node.opType,
    [node.input[0] ?? '', u],
    [between],
    {},
    {
      name: graph.freshName(`${nodeLabel(node)}.u`),
      domain: node.domain,
    },
  )
  const attributes = attributesOf(node, scheme)
  first.attribute = attributes.first
  graph.add(first, node)
  graph.setInput(node, 0, between)
  graph.setInput(node, 1, v)
  node.attribute = attributes.second
}

function shapesOf({ dims, rows, columns, scheme }: LowRankLayer, rank: number): { u: number[]; v: number[] } {
  const [out = 1, into = 1, ...taps] = dims
  if (scheme === 'dense') return { u: [rows, rank], v: [rank, columns] }
  if (scheme === 'channel') return { u: [rank, into, ...taps], v: [out, rank, ...taps.map(() => 1)] }
  return { u: [rank, into, taps[0] ?? 1, 1], v: [out, rank, 1, taps[1] ?? 1] }
}

/** [k, r] as it is, or [r, k] for convolutions. */
function firstValues({ rows, scheme }: LowRankLayer, rank: number, factors?: Factors): Float32Array {
  const out = new Float32Array(rows * rank)
  if (!factors) return out
  const { data } = factors.first
  if (scheme === 'dense') return Float32Array.from(data)
  for (let k = 0; k < rows; k++) for (let r = 0; r < rank; r++) out[r * rows + k] = data[k * rank + r] ?? 0
  return out
}

/** [r, n] as it is, or [n, r] for convolutions; of spatial ones [r, (O, w)] as [O, r, w]. */
function secondValues(layer: LowRankLayer, rank: number, factors?: Factors): Float32Array {
  const { columns, scheme, dims } = layer
  const out = new Float32Array(columns * rank)
  if (!factors) return out
  const { data } = factors.second
  if (scheme === 'dense') return Float32Array.from(data)
  const wide = scheme === 'spatial' ? (dims[3] ?? 1) : 1
  for (let r = 0; r < rank; r++)
    for (let n = 0; n < columns; n++) {
      const [o, x] = [Math.floor(n / wide), n % wide]
      out[(o * rank + r) * wide + x] = data[r * columns + n] ?? 0
    }
  return out
}

interface Attributes {
  first: AttributeProto[]
  second: AttributeProto[]
}

function attributesOf(node: NodeProto, scheme: LowRankLayer['scheme']): Attributes {
  const own = (names: readonly string[]) => node.attribute.filter(a => names.includes(a.name)).map(shallow)
  if (node.opType === 'MatMul') return { first: [], second: [] }
  if (node.opType === 'Gemm') return { first: own(['transA']), second: own(['alpha', 'beta']) }
  const places = ['kernel_shape', 'strides', 'pads', 'dilations', 'auto_pad']
  const ones = (intsAttribute(node, 'kernel_shape') ?? []).map(() => 1n)
  if (scheme === 'channel')
    return { first: own(places), second: ones.length > 0 ? [makeAttribute('kernel_shape', ones)] : [] }
  return { first: along(node, 0), second: along(node, 1) }
}

/** Attributes of a convolution of two axes along one of them. */
function along(node: NodeProto, axis: 0 | 1): AttributeProto[] {
  const only = (list: readonly number[] | undefined, other: number) =>
    list?.map((value, i) => BigInt(i % 2 === axis ? value : other))
  const parts = {
    kernel_shape: only(intsAttribute(node, 'kernel_shape'), 1),
    strides: only(intsAttribute(node, 'strides'), 1),
    dilations: only(intsAttribute(node, 'dilations'), 1),
    // Begins of both axes, then ends.
    pads: only(intsAttribute(node, 'pads'), 0),
  }
  return Object.entries(parts).flatMap(([name, list]) => (list ? [makeAttribute(name, list)] : []))
}
