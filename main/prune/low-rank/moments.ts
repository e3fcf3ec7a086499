/** Second moments of what layers are given or give on samples, computed inside the graph. */
import type { TaskContext } from '../../jobs/context'
import { makeNode } from '../../onnx/build'
import type { Graph } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { shallow } from '../../onnx/shallow'
import { makeTensor } from '../../onnx/tensor'
import type { SampleSet } from '../../technique'
import { asFloat, asRows, type Collected, collectSums } from '../collect'
import { type Moment, needsOutputs } from './factor'
import type { LowRankLayer } from './layers'
import { matrix } from './matrix'

/** Bytes of moments that are held at a time. */
const HELD = 256 * 2 ** 20

/**
 * Calls `use` with every layer and its moment, in order; as many layers in one pass over the samples as fit. Throws what
 * running the model throws.
 */
export async function eachMoment(
  model: Model,
  layers: readonly LowRankLayer[],
  from: { samples: SampleSet; threads: number },
  context: TaskContext,
  use: (layer: LowRankLayer, moment: Moment) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < layers.length; ) {
    let [end, bytes] = [start, 0]
    for (; end < layers.length; end++) {
      const layer = layers[end] as LowRankLayer
      bytes += 8 * sizeOf(layer) ** 2
      if (end > start && bytes > HELD) break
    }
    const part = layers.slice(start, end)
    const { sums } = await collectSums(model, part.map(collected), from, context)
    for (const layer of part) {
      const n = sizeOf(layer)
      const data = sums.get(layer.weight) ?? new Float64Array(n * n)
      sums.delete(layer.weight)
      await use(layer, { of: needsOutputs(layer) ? 'outputs' : 'inputs', matrix: matrix(n, n, data) })
    }
    start = end
  }
}

function sizeOf(layer: LowRankLayer): number {
  return needsOutputs(layer) ? layer.columns : layer.rows
}

function collected(layer: LowRankLayer): Collected {
  return {
    key: layer.weight,
    from: layer.node.input[0] ?? '',
    build(graph, _, to) {
      const rows = needsOutputs(layer) ? outputRows(graph, layer) : inputRows(graph, layer)
      const turned = graph.freshName('bantam/turned')
      graph.add(makeNode('Transpose', [rows], [turned], { perm: [1n, 0n] }))
      graph.add(makeNode('MatMul', [turned, rows], [to]))
    },
  }
}

/** What the layer gives, without bias, as [anything, outputs]. */
function outputRows(graph: Graph, layer: LowRankLayer): string {
  const copy = shallow(layer.node)
  const made = graph.freshName('bantam/output')
  copy.name = ''
  copy.input = layer.node.input.slice(0, 2)
  copy.output = [made]
  graph.add(copy)
  const float = asFloat(graph, made)
  if (layer.scheme === 'dense') return asRows(graph, float, layer.columns)
  // [N, O, places…] → [N, O, all places] → [N, all places, O].
  const [shape, flat, last] = ['shape', 'flat', 'last'].map(part => graph.freshName(`bantam/${part}`)) as [
    string,
    string,
    string,
  ]
  graph.setInitializer(makeTensor(shape, 'int64', [3], [0n, BigInt(layer.columns), -1n]))
  graph.add(makeNode('Reshape', [float, shape], [flat]))
  graph.add(makeNode('Transpose', [flat], [last], { perm: [0n, 2n, 1n] }))
  return asRows(graph, last, layer.columns)
}

/** What a dense layer is given, as [anything, inputs]. */
function inputRows(graph: Graph, { node, rows }: LowRankLayer): string {
  const float = asFloat(graph, node.input[0] ?? '')
  const flips = node.attribute.find(a => a.name === 'transA')
  if (Number(flips?.i ?? 0n) === 0) return asRows(graph, float, rows)
  const turned = graph.freshName('bantam/input')
  graph.add(makeNode('Transpose', [float], [turned], { perm: [1n, 0n] }))
  return turned
}
