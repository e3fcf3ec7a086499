/**
 * Groups of channels that must go together, found from the graph alone: a variable for every axis, equations from the
 * channel rule of every node, and what is left undivided is a group (see dims.ts).
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { describeNode, nodeReads } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { liftConstants } from '../onnx/passes/lift-constants'
import { removeDead } from '../onnx/passes/remove-dead'
import { dataTypeName, elementBits } from '../onnx/tensor'
import { type Dim, find, fix, leaves, type Reason } from './dims'
import { Flow, Site } from './flow'
import { channelRule } from './rules/table'
import { type Sized, sizeModel } from './sizes'
import { freezeShapes, knownValues } from './values'

/**
 * Where a group lies along an axis: channel i takes `block` elements from offset + i·block on, and again at every
 * combination of `repeats` (as in heads × width, or in the parts of a concatenation).
 */
export interface Place {
  offset: number
  block: number
  repeats: readonly { count: number; stride: number }[]
}

export interface GroupWeight {
  name: string
  axis: number
  shape: readonly number[]
  places: readonly Place[]
}

export interface ChannelGroup {
  /** Name of the first weight it is in, its axis, and which of the axis's factors: `conv1.weight[0]`. */
  id: string
  /** Number of channels. */
  size: number
  weights: readonly GroupWeight[]
  /** Nodes that make the channels from others: convolutions, dense layers, embeddings. */
  producers: readonly string[]
  /** Why it may not be reduced; empty when it may. */
  declined: readonly Reason[]
  /** Nodes whose result depends on how many channels there are, so that dropping idle ones changes it. */
  counted: readonly string[]
  /** Ids of groups that share an axis with it as factors (heads and their width): reducing both multiplies. */
  factors: readonly string[]
}

export interface Structure {
  /** The model as it is sliced: constants lifted, numbers read from fixed shapes made constants. */
  model: Model
  groups: readonly ChannelGroup[]
  flow: Flow
  /** The variable of each group, by id. */
  dims: ReadonlyMap<string, Dim>
  sized: Sized
}

/** As `findStructure`, when only the groups are wanted. */
export async function findGroups(model: Model): Promise<readonly ChannelGroup[]> {
  return (await findStructure(model)).groups
}

/**
 * Finds every group of channels that lies in at least one weight, those that may not be reduced included, in the order
 * of the graph. Axes of places (pixels, tokens, taps of kernels, rows of tables) are no channels and not among them. The model is not changed. Throws `unsupported` when ONNX Runtime cannot infer its shapes.
 */
export async function findStructure(source: Model): Promise<Structure> {
  const lifted = (await liftConstants.run(source)).model
  const sized = await sizeModel(lifted)
  const values = await knownValues(lifted, sized)
  const model = (await removeDead.run(freezeShapes(lifted, values))).model
  const flow = new Flow(model, sized, values)
  fixBorders(flow)
  for (const [position, node] of model.graph.nodes.entries()) apply(new Site(flow, node, position))
  for (const check of flow.checks) check()
  return { model, flow, sized, ...collect(flow) }
}

/** Inputs and outputs keep their shapes, and so do weights a caller may replace or that cannot be cut. */
function fixBorders(flow: Flow): void {
  const { graph } = flow.model
  const border = (name: string, message: string) => {
    for (const dim of flow.dims(name) ?? []) fix(dim, { message })
  }
  for (const { name } of graph.proto.input) border(name, `It reaches the input ${name}.`)
  for (const name of graph.outputNames) border(name, `It reaches the output ${name}.`)
  for (const tensor of graph.initializers())
    if ((elementBits(tensor.dataType) ?? 0) < 8) border(tensor.name, `${tensor.name} is packed.`)
}

function apply(site: Site): void {
  const { node, flow } = site
  const rule = channelRule(node.opType, node.domain)
  const { sized, model } = flow
  const read = node.input.filter(name => name !== '')
  const made = node.output.filter(
    name => name !== '' && (model.graph.uses(name).length > 0 || isMain(node, name)),
  )
  const unknown = [...read, ...made].find(name => !sized.dims.has(name))
  if (!rule) site.opaque(`There is no rule for the channels of ${node.opType}.`)
  else if (unknown !== undefined && node.opType !== 'Shape')
    site.opaque(`The shape of ${unknown} is not known.`)
  else rule(site)
}

function isMain(node: NodeProto, name: string): boolean {
  return node.output[0] === name
}

function collect(flow: Flow): { groups: ChannelGroup[]; dims: Map<string, Dim> } {
  const weights = weightsByGroup(flow)
  const producers = producersByGroup(flow, weights)
  const dims = new Map<string, Dim>()
  const ids = new Map<Dim, string>()
  for (const [dim, places] of weights) {
    const id = freshId(places[0], dims)
    dims.set(id, dim)
    ids.set(dim, id)
  }
  const factors = factorsByGroup(flow, ids)
  const groups = [...dims].map(([id, dim]) => ({
    id,
    size: dim.size,
    weights: weights.get(dim) ?? [],
    producers: [...(producers.get(dim) ?? [])],
    declined: dim.reasons,
    counted: [...dim.counted],
    factors: [...(factors.get(dim) ?? [])],
  }))
  return { groups, dims }
}

function freshId(weight: GroupWeight | undefined, taken: ReadonlyMap<string, Dim>): string {
  const base = `${weight?.name}[${weight?.axis}]`
  let id = base
  for (let i = 1; taken.has(id); i++) id = `${base}.${i}`
  return id
}

/** Float and 8-bit tensors: integers of more bits are positions, shapes and indices. */
function isWeight(tensor: TensorProto): boolean {
  return /^(b?float|u?int8)/.test(dataTypeName(tensor.dataType))
}

function weightsByGroup(flow: Flow): Map<Dim, GroupWeight[]> {
  const found = new Map<Dim, GroupWeight[]>()
  const seen = new Set<string>()
  for (const node of flow.model.graph.nodes) {
    for (const name of node.input) {
      const tensor = flow.model.graph.initializer(name)
      const axes = flow.axes.get(name)
      if (!tensor || !axes || seen.has(name) || !isWeight(tensor)) continue
      seen.add(name)
      const shape = axes.map(dim => dim.size)
      axes.forEach((dim, axis) => {
        for (const [leaf, places] of placesIn(dim)) {
          if (leaf.size < 2 || leaf.reasons.some(reason => reason.place)) continue
          const list = found.get(leaf) ?? []
          found.set(leaf, list)
          list.push({ name, axis, shape, places })
        }
      })
    }
  }
  return found
}

/** Where each variable of an axis lies in it. */
export function placesIn(axis: Dim): Map<Dim, Place[]> {
  const found = new Map<Dim, Place[]>()
  const visit = (dim: Dim, offset: number, block: number, repeats: Place['repeats']) => {
    const at = find(dim)
    if (at.parts?.kind === 'sum') {
      let before = offset
      for (const part of at.parts.of) {
        visit(part, before, block, repeats)
        before += part.size * block
      }
    } else if (at.parts) {
      const factors = at.parts.of
      factors.forEach((factor, i) => {
        const inner = factors.slice(i + 1).reduce((size, f) => size * f.size, 1) * block
        const outer = factors.slice(0, i).reduce((size, f) => size * f.size, 1)
        const again = outer > 1 ? [...repeats, { count: outer, stride: inner * factor.size }] : repeats
        visit(factor, offset, inner, again)
      })
    } else {
      const list = found.get(at) ?? []
      found.set(at, list)
      list.push({ offset, block, repeats })
    }
  }
  visit(axis, 0, 1, [])
  return found
}

/** Nodes with the group in a result, but in none of what they compute it from. */
function producersByGroup(flow: Flow, groups: ReadonlyMap<Dim, unknown>): Map<Dim, Set<string>> {
  const found = new Map<Dim, Set<string>>()
  const leavesOf = (names: readonly string[]) =>
    new Set(names.flatMap(name => (flow.axes.get(name) ?? []).flatMap(dim => [...leaves(dim)])))
  for (const node of flow.model.graph.nodes) {
    const computed = nodeReads(node).filter(name => !flow.model.graph.initializer(name))
    // What has weights and something else to apply them to.
    if (computed.length === 0 || computed.length === nodeReads(node).length) continue
    const before = leavesOf(computed)
    for (const leaf of leavesOf(node.output)) {
      if (before.has(leaf) || !groups.has(leaf)) continue
      found.set(leaf, (found.get(leaf) ?? new Set()).add(describeNode(node)))
    }
  }
  return found
}

/** Groups that are factors of one product together. */
function factorsByGroup(flow: Flow, ids: ReadonlyMap<Dim, string>): Map<Dim, Set<string>> {
  const found = new Map<Dim, Set<string>>()
  const seen = new Set<Dim>()
  const visit = (dim: Dim) => {
    const at = find(dim)
    if (!at.parts || seen.has(at)) return
    seen.add(at)
    for (const part of at.parts.of) visit(part)
    if (at.parts.kind !== 'product') return
    const parts = at.parts.of.map(part => [...leaves(part)])
    parts.forEach((own, i) => {
      for (const leaf of own)
        for (const other of parts.filter((_, k) => k !== i).flat()) {
          const id = ids.get(other)
          if (id !== undefined && other !== leaf) found.set(leaf, (found.get(leaf) ?? new Set()).add(id))
        }
    })
  }
  for (const axes of flow.axes.values()) for (const dim of axes) visit(dim)
  return found
}
