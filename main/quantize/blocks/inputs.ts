/** What dense layers are given on samples: second moments and magnitudes, summed inside the graph. */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import type { TaskContext } from '../../jobs/context'
import { within } from '../../jobs/context'
import { batchesOf } from '../../measure/batches'
import { intAttribute, makeNode } from '../../onnx/build'
import { cut } from '../../onnx/cut'
import type { Graph } from '../../onnx/graph'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { asFloat, asRows, type Collected, sumOver } from '../../prune/collect'
import type { SampleSet } from '../../technique'
import { nodeId } from '../names'
import { mostSamples } from '../walk/runs'
import { Walk } from '../walk/walk'
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

/** What `eachInput` calls. `context`: for how far it is with this group. */
export type UseInput = (group: InputGroup, moments: InputMoments, context: TaskContext) => Promise<void>

/**
 * Walks through the model once, stage by stage, and calls `use` with every group of a stage and its moments. With
 * `changing` the layers of a stage may be changed while it is used: stages behind are given what they make by then.
 * Tokens that an `attention_mask` hides do not count. Throws `bad-data` naming a value that is not finite, and what a
 * `Walk` throws.
 */
export async function eachInput(
  model: Model,
  stages: readonly (readonly InputGroup[])[],
  { samples, threads, changing = false }: From & { changing?: boolean },
  context: TaskContext,
  use: UseInput,
): Promise<void> {
  const mask = model.graph.isInput(MASK) ? [MASK] : []
  const stops = stages.map(groups => ({
    values: [...groups.flatMap(({ inputs }) => inputs.map(({ name }) => name)), ...mask],
    changes: changing ? groups.flatMap(({ layers }) => layers.map(({ id }) => id)) : [],
  }))
  const most = await mostSamples(model, samples.dataset)
  const runs = batchesOf(samples, modelInputs(model), { most })
  const walk = await Walk.begin({ model, dataset: samples.dataset, runs, threads }, stops, context)
  try {
    const share = shares(stages.map(groups => groups.reduce((sum, group) => sum + workOf(group), 0)))
    for (const [i, groups] of stages.entries()) {
      const told = within(context, ...share(i))
      await walk.next(within(told, 0, 0.2))
      await eachGroup(walk, model, groups, threads, within(told, 0.2, 1), use)
    }
  } finally {
    await walk.close()
  }
}

/** The groups of a stop, as many at a time as there is memory for their moments. */
async function eachGroup(
  walk: Walk,
  model: Model,
  groups: readonly InputGroup[],
  threads: number,
  context: TaskContext,
  use: UseInput,
): Promise<void> {
  const share = shares(groups.map(workOf))
  for (let start = 0; start < groups.length; ) {
    let [end, bytes] = [start, 0]
    for (; end < groups.length; end++) {
      bytes += 8 * (groups[end]?.k ?? 0) ** 2
      if (end > start && bytes > HELD) break
    }
    const part = groups.slice(start, end)
    const told = within(context, share(start)[0], share(end - 1)[1])
    const sums = await momentsAt(walk, model, part, threads, within(told, 0, 0.2))
    const inner = shares(part.map(workOf))
    for (const [i, group] of part.entries()) {
      const moments = totalOf(sums, group, `${i} moments`, group.k ** 2)
      const magnitudes = totalOf(sums, group, `${i} magnitudes`, group.k)
      const [from, to] = inner(i)
      await use(group, { moments, magnitudes }, within(told, 0.2 + 0.8 * from, 0.2 + 0.8 * to))
    }
    start = end
  }
}

async function momentsAt(
  walk: Walk,
  model: Model,
  groups: readonly InputGroup[],
  threads: number,
  context: TaskContext,
): Promise<Map<string, Float64Array>> {
  const names = [...new Set(groups.flatMap(({ inputs }) => inputs.map(({ name }) => name)))]
  if (model.graph.isInput(MASK)) names.push(MASK)
  const feeds = async (run: number) =>
    Object.fromEntries(
      await Promise.all(names.map(async name => [name, await walk.value(run, name)] as const)),
    )
  const source = cut(model, walk.edges(names), names)
  const wanted = groups.flatMap(collectedOf)
  return (await sumOver(source, wanted, { batches: walk.runs, feeds }, threads, context)).sums
}

/** Multiplications that a group takes, roughly. */
function workOf({ k, layers }: InputGroup): number {
  return k ** 3 + layers.reduce((sum, { n }) => sum + k * k * n, 0)
}

/** Where in 0…1 each of several parts begins and ends, by the work they take. */
function shares(work: readonly number[]): (part: number) => [number, number] {
  const total = work.reduce((sum, w) => sum + w, 0) || 1
  const before = (part: number) => work.slice(0, part).reduce((sum, w) => sum + w, 0) / total
  return part => [before(part), before(part + 1)]
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
