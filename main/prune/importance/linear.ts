/** Weights that multiply channels and sum over them: which axis is summed over, and which value they meet there. */
import type { NodeProto } from 'onnx-buf'
import { intAttribute, intsAttribute } from '../../onnx/build'
import { tensorDims } from '../../onnx/tensor'
import { operatorKey } from '../../operators'
import type { ChannelGroup, GroupWeight, Structure } from '../../structure/groups'

/** A value along one of its axes. */
export interface ValueAxis {
  name: string
  axis: number
}

/** One place where a weight is applied. */
export interface LinearRead {
  /** Name of the initializer, and the axis that is summed over. */
  weight: string
  axis: number
  /** What it is applied to, along the axis that is summed over. */
  data: ValueAxis
  /** Of a convolution: rows of the weight and parts of the data that go with each other. */
  groups: number
}

type Found = Omit<LinearRead, 'weight' | 'groups'> & { input: number; groups?: number }
type Ranks = (name: string) => number

const conv = (node: NodeProto): Found[] => [
  { input: 1, axis: 1, data: { name: node.input[0] ?? '', axis: 1 }, groups: intAttribute(node, 'group', 1) },
]

function product(node: NodeProto, rank: Ranks): Found[] {
  const [a = '', b = ''] = node.input
  const turned = (name: string) => intAttribute(node, name, 0) !== 0
  const ofA = rank(a) - (turned('transA') && rank(a) > 1 ? 2 : 1)
  const ofB = rank(b) === 1 ? 0 : rank(b) - (turned('transB') ? 1 : 2)
  return [
    { input: 1, axis: ofB, data: { name: a, axis: ofA } },
    { input: 0, axis: ofA, data: { name: b, axis: ofB } },
  ]
}

/** W meets the input; R the state before, which is among the outputs. */
const recurrent = (node: NodeProto): Found[] => [
  { input: 1, axis: 2, data: { name: node.input[0] ?? '', axis: 2 } },
  { input: 2, axis: 2, data: { name: node.output[0] ?? '', axis: 3 } },
]

const READS: Readonly<Record<string, (node: NodeProto, rank: Ranks) => Found[]>> = {
  Conv: conv,
  'com.microsoft:FusedConv': conv,
  ConvTranspose: node => [{ input: 1, axis: 0, data: { name: node.input[0] ?? '', axis: 1 } }],
  Gemm: product,
  MatMul: product,
  'com.microsoft:FusedGemm': product,
  'com.microsoft:FusedMatMul': product,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  'com.microsoft:Attention': node => [{ input: 1, axis: 0, data: { name: node.input[0] ?? '', axis: 2 } }],
}

/** All places where initializers are applied, through transposed and renamed copies of them as well. */
export function linearReads({ model, flow }: Structure): LinearRead[] {
  const rank = (name: string) => flow.dims(name)?.length ?? 0
  return model.graph.nodes.flatMap(node => {
    const found = READS[operatorKey(node.opType, node.domain)]?.(node, rank) ?? []
    return found.flatMap(({ input, axis, data, groups = 1 }): LinearRead[] => {
      const source = initializerBehind(model.graph, node.input[input] ?? '', axis)
      if (!source || !data.name || model.graph.initializer(data.name)) return []
      return [{ weight: source.name, axis: source.axis, data, groups }]
    })
  })
}

function initializerBehind(
  graph: Structure['model']['graph'],
  name: string,
  axis: number,
): ValueAxis | undefined {
  const tensor = graph.initializer(name)
  if (tensor) return { name, axis }
  const node = graph.producer(name)
  const [source = ''] = node?.input ?? []
  if (node?.opType === 'Identity') return initializerBehind(graph, source, axis)
  if (node?.opType !== 'Transpose') return undefined
  const turned = graph.initializer(source)
  if (!turned) return undefined
  const perm = intsAttribute(node, 'perm')
  return { name: source, axis: perm?.[axis] ?? tensorDims(turned).length - 1 - axis }
}

/** Reads by the name of the weight. */
export type ReadsByWeight = ReadonlyMap<string, readonly LinearRead[]>

export function readsByWeight(structure: Structure): ReadsByWeight {
  const found = new Map<string, LinearRead[]>()
  for (const read of linearReads(structure)) {
    const list = found.get(read.weight)
    if (list) list.push(read)
    else found.set(read.weight, [read])
  }
  return found
}

/** Whether the channels of the group end in this weight: it sums over them. */
export function sumsOver(reads: ReadsByWeight, { name, axis }: GroupWeight): boolean {
  return reads.get(name)?.some(read => read.axis === axis) ?? false
}

/** The groups whose channels end in at least one weight. */
export function consumedGroups(reads: ReadsByWeight, groups: readonly ChannelGroup[]): Set<string> {
  return new Set(groups.filter(g => g.weights.some(w => sumsOver(reads, w))).map(g => g.id))
}
