/**
 * What a channel rule sees of its node: the dimension variables of its operands, and ways to say how they hang together
 * and what must be edited in the node when they shrink.
 */
import type { NodeProto } from 'onnx-buf'
import { describeNode, type Graph, subgraphReads } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { tensorCount, tensorValues } from '../onnx/tensor'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { count, type Dim, fix, newDim, type Reason, unify } from './dims'
import type { Sized } from './sizes'
import type { Known } from './values'

/** Sizes after channels were dropped. */
export interface Slicing {
  graph: Graph
  size(dim: Dim): number
  changed(dim: Dim): boolean
}

/** Changes a node of the sliced graph to its new sizes. */
export type Edit = (node: NodeProto, slicing: Slicing) => void

/** How an operator moves channels from its inputs to its outputs. */
export type ChannelRule = (site: Site) => void

/** Values, edits and checks of a whole graph while rules run over it. */
export class Flow {
  readonly axes = new Map<string, Dim[]>()
  /** By position in the list of nodes. */
  readonly edits = new Map<number, Edit[]>()
  /** Run when all equations are known. */
  readonly checks: (() => void)[] = []

  constructor(
    readonly model: Model,
    readonly sized: Sized,
    private readonly values: ReadonlyMap<string, Known>,
  ) {}

  /** The dims of a value; undefined when its shape is not known. */
  dims(name: string): Dim[] | undefined {
    const known = this.axes.get(name)
    if (known) return known
    const shape = this.sized.dims.get(name)
    if (!shape) return undefined
    const dims = shape.map(newDim)
    this.axes.set(name, dims)
    return dims
  }

  /** Values that follow from shapes and constants alone. */
  known(name: string): Known | undefined {
    const found = this.values.get(name)
    if (found) return found
    const tensor = this.model.graph.initializer(name)
    if (!tensor || this.model.graph.isInput(name) || tensorCount(tensor) > 4096) return undefined
    const values: Tensor = tensorValues(tensor, this.model.directory)
    return { first: values, second: values }
  }
}

/** Where a rule is applied. */
export class Site {
  readonly where: string
  readonly opset: number

  constructor(
    readonly flow: Flow,
    readonly node: NodeProto,
    private readonly position: number,
  ) {
    this.where = describeNode(node)
    this.opset = flow.model.opset()
  }

  has(index: number): boolean {
    return Boolean(this.node.input[index])
  }

  /** Dims of an input; none when it is absent. */
  input(index: number): Dim[] {
    return this.flow.dims(this.node.input[index] ?? '') ?? []
  }

  /** Dims of an output; none when it is absent or nobody reads it. */
  output(index = 0): Dim[] {
    return this.flow.dims(this.node.output[index] ?? '') ?? []
  }

  /** True where the axis of that output has another size when inputs have. */
  dynamic(axis: number, output = 0): boolean {
    const name = this.node.output[output] ?? ''
    return this.flow.sized.dims.get(name)?.[axis] !== this.flow.sized.other.get(name)?.[axis]
  }

  /** As `dynamic`, of an input. */
  dynamicInput(index: number, axis: number): boolean {
    const name = this.node.input[index] ?? ''
    return this.flow.sized.dims.get(name)?.[axis] !== this.flow.sized.other.get(name)?.[axis]
  }

  /** Numbers of an input that follows from shapes and constants, at the first sizes. */
  ints(index: number): number[] | undefined {
    const known = this.flow.known(this.node.input[index] ?? '')
    return known && Array.from(toNumbers(known.first))
  }

  /** Makes dims equal. Where that is impossible both become fixed, and this node is named. */
  unify(a: Dim | undefined, b: Dim | undefined): void {
    if (!a || !b) return
    unify(a, b, this.reason(`The channels before and after ${this.node.opType} do not match up.`))
  }

  /** As element-wise operators broadcast: aligned at the last axis, ones stretched. */
  broadcast(from: readonly Dim[], to: readonly Dim[]): void {
    const shift = to.length - from.length
    from.forEach((dim, axis) => {
      if (dim.size === to[axis + shift]?.size) this.unify(dim, to[axis + shift])
    })
  }

  fix(dims: readonly (Dim | undefined)[], message: string): void {
    for (const dim of dims) if (dim) fix(dim, this.reason(message))
  }

  /** Fixes axes that run over places rather than channels. */
  place(dims: readonly (Dim | undefined)[]): void {
    const reason = {
      ...this.reason('It is an axis of places: pixels, tokens, taps of a kernel or rows of a table.'),
      place: true,
    }
    for (const dim of dims) if (dim) fix(dim, reason)
  }

  /** The result depends on how many channels there are along the dims. */
  count(dims: readonly (Dim | undefined)[]): void {
    for (const dim of dims) if (dim) count(dim, this.where)
  }

  /** Fixes everything the node touches. */
  opaque(message: string): void {
    for (const name of [...this.node.input, ...this.node.output, ...subgraphReads(this.node)])
      this.fix(this.flow.dims(name) ?? [], message)
  }

  edit(edit: Edit): void {
    const list = this.flow.edits.get(this.position)
    if (list) list.push(edit)
    else this.flow.edits.set(this.position, [edit])
  }

  /** Runs when the equations of all nodes are known. */
  check(check: () => void): void {
    this.flow.checks.push(check)
  }

  private reason(message: string): Reason {
    return { message, node: this.where }
  }
}
