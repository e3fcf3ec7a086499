/**
 * Carries a Transpose down through what works row by row (linear layers, their biases, Reshape, Split), to where another
 * undoes it or less is moved. Exporters put sequences in front of batches around every attention: here they stay behind,
 * and so they do in the gradient.
 */
import type { NodeProto } from 'onnx-buf'
import { intAttribute, intsAttribute, makeAttribute, makeNode } from '../../onnx/build'
import type { Use } from '../../onnx/graph'
import { inferTypes, type Types } from '../../onnx/infer'
import { type Model, normalDomain } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import * as axes from './moved-axes'

/** Changes the model in place, where that moves fewer elements and all sizes are known. `keep` names values that stay. */
export async function sinkTransposes(model: Model, keep: readonly string[] = []): Promise<void> {
  const transposes = model.graph.nodes.filter(n => isStandard(n, 'Transpose'))
  if (transposes.length < 2) return
  const types = await inferTypes(model)
  const gone = new Set<NodeProto>()
  for (const node of transposes) {
    if (gone.has(node)) continue
    const walk = new Walk(model, types, new Set(keep))
    if (!walk.from(node) || walk.after >= walk.before) continue
    for (const { name, dims } of walk.targets)
      model.graph.setInitializer(makeTensor(name, 'int64', [dims.length], dims.map(BigInt)))
    model.graph.remove(walk.removed)
    for (const made of walk.made) model.graph.add(made)
    for (const each of walk.removed) gone.add(each)
  }
}

function isStandard(node: NodeProto, op: string): boolean {
  return node.opType === op && normalDomain(node.domain) === ''
}

/** What there is of a value so far, and its shape. */
interface Source {
  name: string
  shape: readonly number[]
}

/** A value that is to be given anew: the source, read in the shape of `moved`, is what it will be made from. */
interface Carried {
  value: string
  source: Source
  moved: axes.Moved
}

class Walk {
  readonly removed: NodeProto[] = []
  readonly made: NodeProto[] = []
  readonly targets: { name: string; dims: number[] }[] = []
  /** Elements that Transposes moved, and move now. */
  before = 0
  after = 0

  constructor(
    private readonly model: Model,
    private readonly types: Types,
    private readonly keep: ReadonlySet<string>,
  ) {}

  /** False when the sizes of the Transpose are not known. */
  from(node: NodeProto): boolean {
    const [name = '', value = ''] = [node.input[0], node.output[0]]
    const shape = this.shape(name)
    if (!shape) return false
    this.take(node, shape)
    this.down({ value, source: { name, shape }, moved: axes.permuted(shape, permOf(node, shape.length)) })
    return true
  }

  private shape(name: string): number[] | undefined {
    const dims = this.types.get(name)?.shape
    return dims?.every(d => typeof d === 'number' && d > 0) ? dims.map(Number) : undefined
  }

  private take(node: NodeProto, moved?: readonly number[]): void {
    this.removed.push(node)
    if (moved) this.before += size(moved)
  }

  private down(carried: Carried): void {
    const { graph } = this.model
    const [use, second] = graph.uses(carried.value)
    const single = use && !second && !graph.isOutput(carried.value) && !this.keep.has(carried.value)
    const next = single ? this.through(use, carried) : undefined
    if (!next) this.give(carried)
    for (const each of next ?? []) this.down(each)
  }

  /** What the outputs of a node are when it reads a carried value; undefined when it must be given first. */
  private through({ node, index }: Use, carried: Carried): Carried[] | undefined {
    const [value = ''] = node.output
    const shape = this.shape(value)
    if (normalDomain(node.domain) !== '' || !shape || !this.shape(carried.value)) return undefined
    const commutes = node.opType === 'Add' || node.opType === 'Mul'
    if (index !== 0 && !(commutes && index === 1)) return undefined
    const { moved, source } = carried
    switch (node.opType) {
      case 'Transpose': {
        this.take(node, shape)
        return [{ value, source, moved: axes.transposed(moved, permOf(node, shape.length)) }]
      }
      case 'Reshape':
      case 'Squeeze':
      case 'Unsqueeze': {
        const next = axes.reshaped(moved, shape)
        if (next) this.take(node)
        return next && [{ value, source, moved: next }]
      }
      case 'MatMul':
      case 'Gemm':
      case 'Add':
      case 'Mul':
        return this.isRowWise(node, index, carried) ? this.rows(node, index, carried, shape) : undefined
      case 'Split':
        return this.split(node, carried)
      default:
        return undefined
    }
  }

  /** Whether each row of the result, along the last axis, is made of the same row of the carried value alone. */
  private isRowWise(node: NodeProto, index: number, { value }: Carried): boolean {
    const others = node.input.filter((_, i) => i !== index).map(name => this.shape(name))
    const [second, bias] = others
    if (!second || others.includes(undefined)) return false
    const rank = this.shape(value)?.length ?? 0
    if (node.opType === 'MatMul') return second.length === 2 && rank >= 2
    if (node.opType === 'Gemm') return intAttribute(node, 'transA', 0) === 0 && (!bias || bias.length === 1)
    return second.length <= 1 && rank >= 1
  }

  /** The node on the rows in the order of the source. */
  private rows(
    node: NodeProto,
    index: number,
    { source, moved }: Carried,
    shape: readonly number[],
  ): Carried[] | undefined {
    const order = axes.lastBehind(moved)
    if (!order) return undefined
    const behind = axes.reordered(moved, order)
    const from = axes.inOrder({ ...moved, perm: order })
      ? source
      : this.transpose(this.read(source, moved.shape), order)
    const width = size(behind.shape.slice(behind.shape.length - (moved.groups.at(-1) ?? 0)))
    const count = size(behind.shape) / width
    const rows = this.read(from, [count, width]).name
    const [value = ''] = node.output
    const made = this.fresh(value)
    this.make(
      node,
      node.input.map((name, i) => (i === index ? rows : name)),
      [made],
    )
    this.take(node)
    const columns = shape.at(-1) ?? 1
    return [{ value, source: { name: made, shape: [count, columns] }, moved: axes.widened(behind, columns) }]
  }

  private split(node: NodeProto, { value, source, moved }: Carried): Carried[] | undefined {
    const rank = this.shape(value)?.length ?? 0
    const given = intAttribute(node, 'axis', 0)
    const axis = given < 0 ? given + rank : given
    const at = axes.singleAxis(moved, axis)
    const parts = node.output.map(name => this.shape(name)?.[axis])
    if (at === undefined || parts.includes(undefined)) return undefined
    const made = node.output.map(name => this.fresh(name))
    this.make(node, [this.read(source, moved.shape).name, ...node.input.slice(1)], made, at)
    this.take(node)
    return node.output.map((value, i) => {
      const part = parts[i] ?? 1
      const shape = moved.shape.map((d, a) => (a === at ? part : d))
      return {
        value,
        source: { name: made[i] ?? '', shape },
        moved: axes.resized(moved, axis, part),
      }
    })
  }

  /** The same node on other values, a Split along another axis. */
  private make(node: NodeProto, inputs: readonly string[], outputs: readonly string[], axis?: number): void {
    const copy = makeNode(node.opType, inputs, outputs, {}, { name: node.name })
    copy.attribute = node.attribute.filter(a => axis === undefined || a.name !== 'axis')
    if (axis !== undefined) copy.attribute.push(makeAttribute('axis', BigInt(axis)))
    this.made.push(copy)
  }

  /** Gives the value itself. */
  private give({ value, source, moved }: Carried): void {
    const shape = this.types.get(value)?.shape.map(Number) ?? []
    if (axes.inOrder(moved)) {
      this.reshape(source, shape, value)
      return
    }
    const read = this.read(source, moved.shape)
    const whole = sameShape(
      moved.perm.map(p => moved.shape[p] ?? 1),
      shape,
    )
    const made = this.transpose(read, moved.perm, whole ? value : undefined)
    if (!whole) this.reshape(made, shape, value)
  }

  /** The source in another shape. */
  private read(source: Source, shape: readonly number[]): Source {
    if (sameShape(source.shape, shape)) return source
    const name = this.fresh(source.name)
    this.reshape(source, shape, name)
    return { name, shape }
  }

  private reshape(source: Source, shape: readonly number[], name: string): void {
    this.made.push(makeNode('Reshape', [source.name, this.target(shape)], [name]))
  }

  private transpose(source: Source, perm: readonly number[], name = this.fresh(source.name)): Source {
    this.made.push(makeNode('Transpose', [source.name], [name], { perm: perm.map(BigInt) }))
    this.after += size(source.shape)
    return { name, shape: perm.map(p => source.shape[p] ?? 1) }
  }

  private target(dims: readonly number[]): string {
    const name = this.fresh('shape')
    this.targets.push({ name, dims: [...dims] })
    return name
  }

  private fresh(base: string): string {
    return this.model.graph.freshName(`${base}/moved`)
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i])
}

function size(shape: readonly number[]): number {
  return shape.reduce((all, d) => all * d, 1)
}

function permOf(node: NodeProto, rank: number): readonly number[] {
  return intsAttribute(node, 'perm') ?? [...Array(rank).keys()].reverse()
}
