/** What dense layers are given on samples: second moments and magnitudes, summed inside the graph. */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import type { TaskContext } from '../../jobs/context'
import { within } from '../../jobs/context'
import { intAttribute, makeNode } from '../../onnx/build'
import type { Graph } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { asFloat, asRows, type Collected, collectSums } from '../../prune/collect'
import type { SampleSet } from '../../technique'
import { nodeId } from '../names'
import type { DenseLayer } from './select'

/** Bytes of moments that are held at a time. */
const HELD = 256 * 2 ** 20
/** The input that says which tokens are there and which only fill a row up. */
const MASK = 'attention_mask'
/** Operator set that has Range. */
const OPSET_OF_RANGE = 11

/** A value that layers read; `turned` where it is [K, rows] (transA). */
export interface LayerInput {
  name: string
  turned: boolean
}

/** Layers that are given the same: all that read the same value, or the same values with one weight. */
export interface InputGroup {
  inputs: LayerInput[]
  k: number
  layers: DenseLayer[]
}

export interface InputMoments {
  /** [K, K], Σ x·xᵀ over samples and places. */
  moments: Float64Array
  /** [K], Σ |x|. */
  magnitudes: Float64Array
}

export interface From {
  samples: SampleSet
  threads: number
}

/** The nodes of layers in a model, by id. Throws `internal` for a layer that the model does not have. */
export function nodesOf(model: Model, layers: readonly DenseLayer[]): Map<DenseLayer, NodeProto> {
  const byId = new Map(model.graph.nodes.map(node => [nodeId(node), node]))
  return new Map(
    layers.map(layer => {
      const node = byId.get(layer.id)
      if (node) return [layer, node]
      throw new BantamError('internal', 'The plan names what the model does not have.', { where: layer.id })
    }),
  )
}

/** Groups of layers with the same inputs, in the order of their first layers. */
export function inputGroups(model: Model, layers: readonly DenseLayer[]): InputGroup[] {
  const nodes = nodesOf(model, layers)
  const byWeight = new Map<string, DenseLayer[]>()
  for (const layer of layers) {
    const weight = nodes.get(layer)?.input[1] ?? ''
    byWeight.set(weight, [...(byWeight.get(weight) ?? []), layer])
  }
  const groups = new Map<string, InputGroup>()
  for (const sharing of byWeight.values()) {
    const inputs = new Map<string, LayerInput>()
    for (const layer of sharing) {
      const node = nodes.get(layer)
      const turned = node?.opType === 'Gemm' && intAttribute(node, 'transA', 0) !== 0
      const name = node?.input[0] ?? ''
      inputs.set(`${name} ${turned}`, { name, turned })
    }
    const key = [...inputs.keys()].sort().join('\n')
    const group = groups.get(key) ?? { inputs: [...inputs.values()], k: sharing[0]?.k ?? 0, layers: [] }
    group.layers.push(...sharing)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/**
 * Layers by how many layers lie before them, on the longest way: none of a stage reads what another of it makes.
 * Layers that share a weight are in the stage of the first.
 */
export function stagesOf(model: Model, layers: readonly DenseLayer[]): DenseLayer[][] {
  const byNode = new Map([...nodesOf(model, layers)].map(([layer, node]) => [node, layer]))
  const depths = new Map<string, number>()
  const firsts = new Map<string, number>()
  const stages: DenseLayer[][] = []
  for (const node of model.graph.topological()) {
    const before = Math.max(0, ...node.input.map(name => depths.get(name) ?? 0))
    const layer = byNode.get(node)
    for (const name of node.output) depths.set(name, before + (layer ? 1 : 0))
    if (!layer) continue
    const weight = node.input[1] ?? ''
    const stage = firsts.get(weight) ?? before
    firsts.set(weight, stage)
    const members = stages[stage] ?? []
    members.push(layer)
    stages[stage] = members
  }
  return stages.filter(stage => stage.length > 0)
}

/**
 * Calls `use` with every group and its moments, in order; as many groups in one pass over the samples as fit into
 * memory. Tokens that an `attention_mask` hides do not count. Throws what running the model throws.
 */
export async function eachInput(
  model: Model,
  groups: readonly InputGroup[],
  from: From,
  context: TaskContext,
  use: (group: InputGroup, moments: InputMoments) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < groups.length; ) {
    let [end, bytes] = [start, 0]
    for (; end < groups.length; end++) {
      bytes += 8 * (groups[end]?.k ?? 0) ** 2
      if (end > start && bytes > HELD) break
    }
    const part = groups.slice(start, end)
    const told = within(context, start / groups.length, end / groups.length)
    const wanted = part.flatMap((group, i) => collectedOf(group, start + i))
    const { sums } = await collectSums(model, wanted, from, told)
    for (const [i, group] of part.entries()) {
      const moments = totalOf(sums, group, `${start + i} moments`, group.k ** 2)
      await use(group, { moments, magnitudes: totalOf(sums, group, `${start + i} magnitudes`, group.k) })
    }
    start = end
  }
}

function totalOf(
  sums: Map<string, Float64Array>,
  { inputs }: InputGroup,
  key: string,
  size: number,
): Float64Array {
  const total = new Float64Array(size)
  for (const { name } of inputs) {
    const part = sums.get(`${key} ${name}`)
    for (let i = 0; i < size; i++) total[i] = (total[i] as number) + (part?.[i] ?? 0)
    sums.delete(`${key} ${name}`)
  }
  return total
}

function collectedOf({ inputs, k }: InputGroup, index: number): Collected[] {
  return inputs.flatMap((input): Collected[] => [
    {
      key: `${index} moments ${input.name}`,
      from: input.name,
      build(graph, opset, to) {
        const rows = rowsOf(graph, input, k, opset)
        const turned = graph.freshName('bantam/turned')
        graph.add(makeNode('Transpose', [rows], [turned], { perm: [1n, 0n] }))
        graph.add(makeNode('MatMul', [turned, rows], [to]))
      },
    },
    {
      key: `${index} magnitudes ${input.name}`,
      from: input.name,
      build(graph, opset, to) {
        // From operator set 18 on the axes are an input.
        const axes = opset < 18 ? [] : [int64(graph, [1], [0n])]
        const attributes = { keepdims: 0n, ...(opset < 18 ? { axes: [0n] } : {}) }
        graph.add(makeNode('ReduceL1', [rowsOf(graph, input, k, opset), ...axes], [to], attributes))
      },
    },
  ])
}

/** What layers are given as [rows, K] float32, hidden tokens zero. */
function rowsOf(graph: Graph, { name, turned }: LayerInput, k: number, opset: number): string {
  const float = asFloat(graph, name)
  if (turned) {
    const straight = graph.freshName('bantam/straight')
    graph.add(makeNode('Transpose', [float], [straight], { perm: [1n, 0n] }))
    return straight
  }
  const rows = asRows(graph, float, k)
  return graph.isInput(MASK) && opset >= OPSET_OF_RANGE ? masked(graph, rows) : rows
}

/** Rows times the mask where there are as many rows as the mask has elements; elsewhere as they are. */
function masked(graph: Graph, rows: string): string {
  const make = (op: string, inputs: string[], attributes: Parameters<typeof makeNode>[3] = {}) => {
    const name = graph.freshName(`bantam/${op.toLowerCase()}`)
    graph.add(makeNode(op, inputs, [name], attributes))
    return name
  }
  const one = int64(graph, [], [1n])
  const size = make('Size', [MASK])
  const flat = make('Reshape', [make('Cast', [MASK], { to: 1n }), int64(graph, [1], [-1n])])
  const count = make('Gather', [make('Shape', [rows]), int64(graph, [], [0n])])
  const places = make('Mod', [make('Range', [int64(graph, [], [0n]), count, one]), size])
  const picked = make('Gather', [flat, places])
  const ones = graph.freshName('bantam/one')
  graph.setInitializer(makeTensor(ones, 'float32', [], [1]))
  const factors = make('Where', [make('Equal', [count, size]), picked, ones])
  return make('Mul', [rows, make('Reshape', [factors, int64(graph, [2], [-1n, 1n])])])
}

function int64(graph: Graph, dims: number[], values: bigint[]): string {
  const name = graph.freshName('bantam/constant')
  graph.setInitializer(makeTensor(name, 'int64', dims, values))
  return name
}
