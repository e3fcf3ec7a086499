/** Inputs whose values are places in a table: token numbers, positions, categories. */
import type { NodeProto } from 'onnx-buf'
import type { Graph } from '../onnx/graph'
import { tensorDims } from '../onnx/tensor'

/** Operators that hand whole numbers on as they are. */
const HANDS_ON = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze'])
/** How many of them are followed. */
const DEPTH = 4

/** Rows of the smallest table that the input's values are looked up in (Gather along axis 0); undefined when none is seen. */
export function tableRows(graph: Graph, input: string, depth = DEPTH): number | undefined {
  let fewest: number | undefined
  for (const { node, index } of graph.uses(input)) {
    const rows =
      HANDS_ON.has(node.opType) && index === 0 && depth > 0
        ? tableRows(graph, node.output[0] ?? '', depth - 1)
        : rowsOf(graph, node, index)
    if (rows !== undefined) fewest = Math.min(rows, fewest ?? rows)
  }
  return fewest
}

function rowsOf(graph: Graph, node: NodeProto, index: number): number | undefined {
  if (node.opType === 'EmbedLayerNormalization' && index < 2)
    return rows(graph, node.input[index === 0 ? 2 : 4])
  if (node.opType !== 'Gather' && node.opType !== 'GatherBlockQuantized') return undefined
  const axis =
    node.attribute.find(a => a.name === (node.opType === 'Gather' ? 'axis' : 'gather_axis'))?.i ?? 0n
  return index === 1 && axis === 0n ? rows(graph, node.input[0]) : undefined
}

/** First dimension of a constant, also of one that is stored quantized. */
function rows(graph: Graph, value = ''): number | undefined {
  const tensor = graph.initializer(value)
  if (tensor) return tensorDims(tensor)[0]
  const producer = graph.producer(value)
  return producer?.opType === 'DequantizeLinear' ? rows(graph, producer.input[0]) : undefined
}
