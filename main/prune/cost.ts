/**
 * What a model would cost with other sizes of its groups, from the graph alone: every shape follows from the sizes, and
 * the operator table says what a node costs at its shapes. A search over sizes asks thousands of times.
 */
import type { NodeProto } from 'onnx-buf'
import type { PruneCost } from '../../shared/prune'
import { parameterCount } from '../measure/layers'
import { modelInputs } from '../onnx/inputs'
import { tensorByteLength, tensorDims } from '../onnx/tensor'
import { operatorRow } from '../operators'
import { type Dim, find, leaves } from '../structure/dims'
import type { Structure } from '../structure/groups'
import { modelCosts, sizedTypes } from '../structure/model-cost'

/** Channels that stay, by group id; groups that are not named stay whole. */
export type Sizes = ReadonlyMap<string, number>

interface Weight {
  axes: readonly Dim[]
  dims: readonly number[]
  parameters: number
  bytes: number
}

interface Product {
  node: NodeProto
  /** Of the values it reads and gives: their sizes, and their dims where known. */
  shapes: ReadonlyMap<string, { dims: readonly number[]; axes: readonly Dim[] | undefined }>
  macs: number
}

export class StructureCost {
  /** Of the whole model. */
  readonly whole: PruneCost

  private constructor(
    private readonly structure: Structure,
    private readonly weights: readonly Weight[],
    private readonly products: readonly Product[],
    private readonly exact: { parameters: number; macs: number },
  ) {
    this.whole = this.at(new Map())
  }

  /** Reads shapes at the sizes a model is inspected at, so that its numbers are those shown everywhere. */
  static async of(structure: Structure): Promise<StructureCost> {
    const { model, flow } = structure
    const [types] = await sizedTypes([model], modelInputs(model))
    const [exact] = await modelCosts([model])
    const sized = (name: string): readonly number[] | undefined => {
      const shape = types?.get(name)?.shape
      return shape?.every((d): d is number => typeof d === 'number' && d >= 0)
        ? shape
        : structure.sized.dims.get(name)
    }
    const weights = [...model.graph.initializers()].map(tensor => ({
      axes: flow.axes.get(tensor.name) ?? [],
      dims: tensorDims(tensor),
      parameters: parameterCount(tensor),
      bytes: tensorByteLength(tensor),
    }))
    const products: Product[] = []
    for (const node of model.graph.nodes) {
      const shapes: Product['shapes'] = new Map(
        [...node.input, ...node.output].flatMap(name => {
          const dims = sized(name)
          return dims ? [[name, { dims, axes: flow.axes.get(name) }] as const] : []
        }),
      )
      const macs = costOf(node, name => shapes.get(name)?.dims)
      if (macs > 0) products.push({ node, shapes, macs })
    }
    return new StructureCost(structure, weights, products, exact ?? { parameters: 0, macs: 0 })
  }

  /** Parameters, multiply-accumulates for one sample and bytes of the weights with those sizes. */
  at(sizes: Sizes): PruneCost {
    const size = this.sizer(sizes)
    let [parameters, bytes, macs, all] = [0, 0, 0, 0]
    for (const weight of this.weights) {
      const share = shareOf(weight.dims, weight.axes, size)
      parameters += Math.round(weight.parameters * share)
      bytes += Math.round(weight.bytes * share)
    }
    for (const product of this.products) {
      macs += this.macsOf(product, size)
      all += product.macs
    }
    return { parameters, bytes, macs: all > 0 ? Math.round((macs / all) * this.exact.macs) : 0 }
  }

  /** What goes when this group alone keeps so many channels. */
  frees(group: string, to: number): Pick<PruneCost, 'parameters' | 'macs'> {
    const { parameters, macs } = this.at(new Map([[group, to]]))
    return { parameters: this.whole.parameters - parameters, macs: this.whole.macs - macs }
  }

  /** Multiply-accumulates that stay of each node, by its first result: 1 where nothing goes. */
  shares(sizes: Sizes): Map<NodeProto, number> {
    const size = this.sizer(sizes)
    return new Map(this.products.map(product => [product.node, this.macsOf(product, size) / product.macs]))
  }

  private macsOf({ node, shapes, macs }: Product, size: (dim: Dim) => number): number {
    return (
      costOf(node, name => {
        const found = shapes.get(name)
        return found?.dims.map((d, axis) => {
          const dim = found.axes?.[axis]
          return dim && dim.size > 0 ? Math.round((d * size(dim)) / dim.size) : d
        })
      }) || (macs > 0 ? 0 : macs)
    )
  }

  private sizer(sizes: Sizes): (dim: Dim) => number {
    const known = new Map<Dim, number>()
    for (const [id, to] of sizes) {
      const dim = this.structure.dims.get(id)
      if (dim) known.set(find(dim), to)
    }
    const size = (dim: Dim): number => {
      const at = find(dim)
      const found = known.get(at)
      if (found !== undefined) return found
      const parts = at.parts?.of.map(size)
      const total = !parts
        ? at.size
        : at.parts?.kind === 'sum'
          ? parts.reduce((a, b) => a + b, 0)
          : parts.reduce((a, b) => a * b, 1)
      known.set(at, total)
      return total
    }
    return size
  }
}

function costOf(node: NodeProto, shapes: (name: string) => readonly number[] | undefined): number {
  const cost = operatorRow(node.opType, node.domain)?.cost(node, shapes)
  return cost && 'macs' in cost ? cost.macs : 0
}

function shareOf(dims: readonly number[], axes: readonly Dim[], size: (dim: Dim) => number): number {
  return dims.reduce((share, d, axis) => {
    const dim = axes[axis]
    return dim && d > 0 ? (share * size(dim)) / dim.size : share
  }, 1)
}

/** Ids of the groups that an axis is made of. */
export function groupsIn(structure: Structure, axes: readonly Dim[]): Set<string> {
  const ids = new Map([...structure.dims].map(([id, dim]) => [find(dim), id]))
  return new Set(axes.flatMap(axis => [...leaves(axis)].flatMap(leaf => ids.get(leaf) ?? [])))
}
