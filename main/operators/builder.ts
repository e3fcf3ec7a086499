/**
 * Builds the nodes of a gradient: one method per operation, each giving a value whose type and shape are known as far as
 * they can be told. What differs between operator sets (13 and later) is decided here and nowhere else.
 */
import type { AttributeProto, TensorProto } from 'onnx-buf'
import { type AttributeValue, makeNode } from '../onnx/build'
import type { Graph } from '../onnx/graph'
import { makeTensor } from '../onnx/tensor'

/** A number, or the name of a symbolic dimension; '' is unknown. */
export type Dim = number | string

export interface Value {
  readonly name: string
  readonly type: string
  readonly shape: readonly Dim[]
}

/** A value, or a number that takes the type of the other operand. */
export type Operand = Value | number

export interface EmitOptions {
  attributes?: Record<string, AttributeValue>
  type?: string
  domain?: string
}

/** All dimensions as numbers, or undefined when one is symbolic. */
export function staticShape(shape: readonly Dim[]): number[] | undefined {
  return shape.every(d => typeof d === 'number') ? shape.map(Number) : undefined
}

/** NumPy broadcasting. A dimension that cannot be told is ''. */
export function broadcastShape(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1
    const q = b[i - rank + b.length] ?? 1
    if (p === q || q === 1) return p
    if (p === 1 || (typeof q === 'number' && q > 1)) return q
    return typeof p === 'number' && p > 1 ? p : ''
  })
}

export class Builder {
  private readonly constants = new Map<string, Value>()
  private readonly shared = new Map<string, Value>()
  private readonly rowProducts = new Map<string, () => Value>()

  /**
   * @param opset version of ai.onnx the nodes are for, 13 or later
   * @param prefix what the names of new values start with
   * @param block channels in a block of this processor's own kernels (see blocked.ts); 0 keeps to portable operators
   * @param made told of every value that a node makes
   * @param gpu leaves out what ONNX Runtime's providers for GPUs refuse or get wrong
   */
  constructor(
    private readonly graph: Graph,
    readonly opset: number,
    private readonly prefix = 'grad',
    readonly block = 0,
    private readonly made: (value: Value) => void = () => {},
    readonly gpu = false,
  ) {}

  /** Adds a node with one output. */
  emit(
    op: string,
    inputs: readonly (Value | undefined)[],
    shape: readonly Dim[],
    o: EmitOptions = {},
  ): Value {
    const name = this.graph.freshName(`${this.prefix}/${op}`)
    const type = o.type ?? inputs.find(v => v)?.type ?? 'float32'
    const names = inputs.map(v => v?.name ?? '')
    this.graph.add(
      makeNode(op, names, [name], o.attributes, { name, ...(o.domain ? { domain: o.domain } : {}) }),
    )
    const value = { name, type, shape }
    this.made(value)
    return value
  }

  /** Adds a node with several outputs of the type of its first input, one per shape. */
  emitMany(
    op: string,
    inputs: readonly Value[],
    shapes: readonly (readonly Dim[])[],
    attributes: Record<string, AttributeValue> = {},
  ): Value[] {
    const names = shapes.map(() => this.graph.freshName(`${this.prefix}/${op}`))
    const name = names[0] ?? op
    this.graph.add(
      makeNode(
        op,
        inputs.map(v => v.name),
        names,
        attributes,
        { name },
      ),
    )
    const type = inputs[0]?.type ?? 'float32'
    const values = shapes.map((shape, i) => ({ name: names[i] ?? '', type, shape }))
    values.forEach(this.made)
    return values
  }

  /** What `make` gives, the same value again for the same key: for what several gradients need of one value. */
  once(key: string, make: () => Value): Value {
    const known = this.shared.get(key)
    if (known) return known
    const value = make()
    this.shared.set(key, value)
    return value
  }

  /** Tells a cheaper way to Σ g·y along the last axis, that axis kept, to whoever needs it of just these two values. */
  offerRowProduct(g: Value, y: Value, make: () => Value): void {
    this.rowProducts.set(`${g.name} ${y.name}`, make)
  }

  /** Σ g·y along the last axis in the way offered, undefined when there is none. */
  rowProduct(g: Value, y: Value): Value | undefined {
    return this.rowProducts.get(`${g.name} ${y.name}`)?.()
  }

  /** A constant; the same contents are stored once. */
  constant(type: string, dims: readonly number[], data: readonly number[]): Value {
    const key = `${type}[${dims}]${data.join()}`
    const known = this.constants.get(key)
    if (known) return known
    const name = this.graph.freshName(`${this.prefix}/constant`)
    const tensor: TensorProto = makeTensor(name, type as 'float32', [...dims], typedData(type, data))
    this.graph.setInitializer(tensor)
    const value = { name, type, shape: dims }
    this.constants.set(key, value)
    return value
  }

  scalar(value: number, type: string): Value {
    return this.constant(type, [], [value])
  }

  ints(list: readonly number[]): Value {
    return this.constant('int64', [list.length], list)
  }

  private pair(a: Operand, b: Operand): [Value, Value] {
    const type = typeof a === 'number' ? (b as Value).type : a.type
    return [
      typeof a === 'number' ? this.scalar(a, type) : a,
      typeof b === 'number' ? this.scalar(b, type) : b,
    ]
  }

  private binary(op: string, a: Operand, b: Operand, type?: string): Value {
    const [p, q] = this.pair(a, b)
    return this.emit(op, [p, q], broadcastShape(p.shape, q.shape), type ? { type } : {})
  }

  add(a: Operand, b: Operand): Value {
    if (a === 0) return b as Value
    return b === 0 ? (a as Value) : this.binary('Add', a, b)
  }

  sub(a: Operand, b: Operand): Value {
    return this.binary('Sub', a, b)
  }

  mul(a: Operand, b: Operand): Value {
    if (a === 1) return b as Value
    return b === 1 ? (a as Value) : this.binary('Mul', a, b)
  }

  div(a: Operand, b: Operand): Value {
    return b === 1 ? (a as Value) : this.binary('Div', a, b)
  }

  pow(a: Operand, b: Operand): Value {
    return this.binary('Pow', a, b)
  }

  greater(a: Operand, b: Operand): Value {
    return this.binary('Greater', a, b, 'bool')
  }

  equal(a: Operand, b: Operand): Value {
    return this.binary('Equal', a, b, 'bool')
  }

  and(a: Value, b: Value): Value {
    return this.binary('And', a, b, 'bool')
  }

  or(a: Value, b: Value): Value {
    return this.binary('Or', a, b, 'bool')
  }

  not(a: Value): Value {
    return this.emit('Not', [a], a.shape)
  }

  square(x: Value): Value {
    return this.mul(x, x)
  }

  /** A function of one element that keeps type and shape: Exp, Neg, Sqrt, … */
  unary(op: string, x: Value, attributes: Record<string, AttributeValue> = {}): Value {
    return this.emit(op, [x], x.shape, { attributes })
  }

  neg(x: Value): Value {
    return this.unary('Neg', x)
  }

  cast(x: Value, type: string): Value {
    if (x.type === type) return x
    return this.emit('Cast', [x], x.shape, { type, attributes: { to: BigInt(typeCode(type)) } })
  }

  where(condition: Value, a: Operand, b: Operand): Value {
    const [p, q] = this.pair(a, b)
    return this.emit(
      'Where',
      [condition, p, q],
      broadcastShape(condition.shape, broadcastShape(p.shape, q.shape)),
      {
        type: p.type,
      },
    )
  }

  /** 1 where a > b, else 0, in the type of the values. */
  above(a: Value, b: Operand): Value {
    // HardSigmoid with a steep slope is the fastest mask in float32; for values above 1e-30 it is exact.
    if (a.type === 'float32' && b === 0) return this.unary('HardSigmoid', a, { alpha: 1e30, beta: 0 })
    return this.cast(this.greater(a, b), a.type)
  }

  /** 1 where a < b, else 0. */
  below(a: Value, b: Operand): Value {
    return this.cast(this.binary('Less', a, b, 'bool'), a.type)
  }

  /** scale·x + bias in one pass over x [N, C, …], with a number of each for every channel [C]. */
  affine(x: Value, scale: Value, bias: Value): Value {
    const [channels] = staticShape([x.shape[1] ?? '']) ?? []
    if (this.gpu || channels === undefined) {
      const wide = (v: Value) => this.reshape(v, [{ of: v, axis: 0 }, ...x.shape.slice(2).map(() => 1)])
      return this.add(this.mul(x, wide(scale)), wide(bias))
    }
    // Normalized by a mean of 0 and a variance of 1 it stays what it is.
    const all = (value: number) => this.constant(x.type, [channels], Array(channels).fill(value))
    const inputs = [x, scale, bias, all(0), all(1)]
    return this.emit('BatchNormalization', inputs, x.shape, { attributes: { epsilon: 0 } })
  }

  /** ReduceSum over axes (none: unchanged). */
  sum(x: Value, axes: readonly number[], keep = true): Value {
    return axes.length === 0 ? x : this.reduce('ReduceSum', x, axes, keep)
  }

  /** Any Reduce operator; axes are not negative. */
  reduce(op: string, x: Value, axes: readonly number[], keep = true): Value {
    const shape: readonly Dim[] = keep
      ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d))
      : x.shape.filter((_, i) => !axes.includes(i))
    const keepdims = keep ? 1n : 0n
    // ReduceSum takes its axes as an input from operator set 13 on, the others from 18 on.
    if (op === 'ReduceSum' || this.opset >= 18)
      return this.emit(op, [x, this.ints(axes)], shape, { attributes: { keepdims } })
    return this.emit(op, [x], shape, { attributes: { keepdims, axes: axes.map(BigInt) } })
  }

  matmul(a: Value, b: Value): Value {
    const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2))
    return this.emit('MatMul', [a, b], [...batch, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1])
  }

  /** The unit matrix [1, 1, n, n] as wide as an axis of x. */
  identity(x: Value, axis: number): Value {
    const n = this.dimOf(x, axis)
    const d = x.shape[axis] ?? ''
    const square = this.emit('Expand', [this.scalar(0, x.type), this.concat([n, n], 0, [2])], [d, d])
    const unit = this.emit('EyeLike', [square], [d, d])
    return this.emit('Unsqueeze', [unit, this.ints([0, 1])], [1, 1, d, d])
  }

  /** Along an axis of g, g·Pᵀ for a matrix P [1, 1, n, k]: from k elements to n. */
  alongAxis(g: Value, matrix: Value, axis: number): Value {
    const last = g.shape.length - 1
    const [rows, columns] = [matrix.shape[2] ?? '', matrix.shape[3] ?? '']
    const plain = this.emit('Squeeze', [matrix, this.ints([0, 1])], [rows, columns])
    if (axis === last) return this.matmul(g, this.transposed(plain))
    if (axis === last - 1) return this.matmul(plain, g)
    const order = [...g.shape.keys()].map(a => (a === axis ? last : a === last ? axis : a))
    return this.transpose(this.matmul(this.transpose(g, order), this.transposed(plain)), order)
  }

  transpose(x: Value, perm: readonly number[]): Value {
    if (perm.every((p, i) => p === i)) return x
    if (perm.length === 2 && this.graph.producer(x.name)?.opType === 'Gemm') return this.apart(x)
    const shape = perm.map(p => x.shape[p] ?? '')
    return this.emit('Transpose', [x], shape, { attributes: { perm: perm.map(BigInt) } })
  }

  /**
   * The transpose of a product of matrices, with an axis more: ONNX Runtime would put a plain Transpose back into the
   * product, which was written in this order because it is faster.
   */
  private apart(x: Value): Value {
    const [rows = '', columns = ''] = x.shape
    const wide = this.emit('Unsqueeze', [x, this.ints([0])], [1, rows, columns])
    const turned = this.transpose(wide, [0, 2, 1])
    return this.emit('Squeeze', [turned, this.ints([0])], [columns, rows])
  }

  /** The last two axes exchanged. */
  transposed(x: Value): Value {
    const r = x.shape.length
    return this.transpose(x, [...Array(r - 2).keys(), r - 1, r - 2])
  }

  /** The dimensions of a value: a constant when all are known. */
  shapeOf(x: Value): Value {
    const dims = staticShape(x.shape)
    return dims ? this.ints(dims) : this.emit('Shape', [x], [x.shape.length], { type: 'int64' })
  }

  /** One dimension of a value, as int64 [1]. */
  dimOf(x: Value, axis: number): Value {
    const d = x.shape[axis]
    if (typeof d === 'number') return this.ints([d])
    const shape = this.emit('Shape', [x], [x.shape.length], { type: 'int64' })
    return this.emit('Gather', [shape, this.ints([axis])], [1])
  }

  /** A dimension, or the product of several, as a scalar of the type: a constant when known. */
  count(x: Value, axes: readonly number[], type: string): Value {
    const dims = staticShape(axes.map(a => x.shape[a] ?? ''))
    if (dims)
      return this.scalar(
        dims.reduce((all, d) => all * d, 1),
        type,
      )
    const shape = this.emit('Shape', [x], [x.shape.length], { type: 'int64' })
    const sizes = this.emit('Gather', [shape, this.ints(axes)], [axes.length])
    const all = this.reduce('ReduceProd', sizes, [0], false)
    return this.cast(all, type)
  }

  /** The product of several dimensions, as int64 [1]: a constant when known. */
  merge(x: Value, axes: readonly number[]): Value {
    const dims = staticShape(axes.map(a => x.shape[a] ?? ''))
    if (dims) return this.ints([dims.reduce((all, d) => all * d, 1)])
    const sizes = this.concat(
      axes.map(axis => this.dimOf(x, axis)),
      0,
      [axes.length],
    )
    return this.reduce('ReduceProd', sizes, [0])
  }

  /** Gives the node that makes a value attributes that are at hand as they are. */
  setAttributes(x: Value, attributes: readonly AttributeProto[]): void {
    const node = this.graph.producer(x.name)
    if (node) node.attribute = [...attributes]
  }

  /** Reshape to dims of which each is a number (one may be −1: what is left), or the dimension of a value at an axis. */
  reshape(x: Value, dims: readonly (number | { of: Value; axis: number })[]): Value {
    const rest = dims.every(d => d !== -1) ? -1 : restOf(x.shape, dims)
    const shape = dims.map(d => (d === -1 ? rest : typeof d === 'number' ? d : (d.of.shape[d.axis] ?? '')))
    if (shape.length === x.shape.length && shape.every((d, i) => d === x.shape[i] && d !== '')) return x
    const open = shape.filter(d => typeof d !== 'number').length
    // One open dimension may be left to Reshape, unless a zero makes it ambiguous.
    if (open <= 1 && !shape.includes(0)) {
      const target = this.ints(shape.map(d => (typeof d === 'number' ? d : -1)))
      return this.emit('Reshape', [x, target], shape)
    }
    const parts = dims.map((d, i) => {
      const known = shape[i]
      if (typeof known === 'number') return this.ints([known])
      return typeof d === 'number' ? this.ints([-1]) : this.dimOf(d.of, d.axis)
    })
    const target = this.emit('Concat', parts, [dims.length], { attributes: { axis: 0n } })
    return this.emit('Reshape', [x, target], shape)
  }

  /** Reshape to the shape of another value. */
  reshapeLike(x: Value, like: Value): Value {
    return this.reshape(
      x,
      like.shape.map((d, axis) => (typeof d === 'number' ? d : { of: like, axis })),
    )
  }

  /** Broadcasts x to the shape of another value. */
  expandLike(x: Value, like: Value): Value {
    return this.emit('Expand', [x, this.shapeOf(like)], like.shape)
  }

  /** A value full of one number, shaped as another. */
  fullLike(like: Value, value: number, type = like.type): Value {
    const fill = makeTensor('', type as 'float32', [1], typedData(type, [value]))
    return this.emit('ConstantOfShape', [this.shapeOf(like)], like.shape, {
      type,
      attributes: { value: fill },
    })
  }

  concat(parts: readonly Value[], axis: number, like: readonly Dim[]): Value {
    const [only] = parts
    if (only && parts.length === 1) return only
    return this.emit('Concat', parts, like, { attributes: { axis: BigInt(axis) } })
  }

  /** Adds zeros: `before` and `after` per axis, negative numbers crop. */
  pad(x: Value, before: readonly number[], after: readonly number[]): Value {
    if ([...before, ...after].every(p => p === 0)) return x
    const shape = x.shape.map((d, i) =>
      typeof d === 'number' ? d + (before[i] ?? 0) + (after[i] ?? 0) : before[i] || after[i] ? '' : d,
    )
    return this.emit('Pad', [x, this.ints([...before, ...after])], shape)
  }

  /** Sums x over axes along which `like` was broadcast, so that it has the shape of `like`. */
  unbroadcast(x: Value, like: Value): Value {
    const rank = x.shape.length
    const lead = rank - like.shape.length
    const axes: number[] = []
    let sure = true
    for (let i = 0; i < rank; i++) {
      const to = i < lead ? 1 : (like.shape[i - lead] ?? 1)
      const from = x.shape[i] ?? ''
      if (i < lead || (to === 1 && from !== 1)) axes.push(i)
      else if (typeof to === 'string' && (to === '' || from !== to)) sure = false
    }
    if (sure) {
      const summed = this.sum(x, axes, lead === 0)
      return lead === 0 || axes.length === lead ? summed : this.reshapeLike(summed, like)
    }
    return this.unbroadcastDynamic(x, like, lead)
  }

  /** As above, the axes found while running: those where the dimensions differ. */
  private unbroadcastDynamic(x: Value, like: Value, lead: number): Value {
    const from = this.emit('Shape', [x], [x.shape.length], { type: 'int64' })
    const target = this.emit('Shape', [like], [like.shape.length], { type: 'int64' })
    const ones = this.ints(Array(lead).fill(1))
    const to = lead
      ? this.emit('Concat', [ones, target], [x.shape.length], { attributes: { axis: 0n } })
      : target
    const differ = this.not(this.equal(from, to))
    const axes = this.emit('NonZero', [differ], [1, ''], { type: 'int64' })
    const flat = this.emit('Reshape', [axes, this.ints([-1])], [''])
    const summed = this.emit(
      'ReduceSum',
      [x, flat],
      x.shape.map(() => ''),
      {
        attributes: { keepdims: 1n, noop_with_empty_axes: 1n },
      },
    )
    return this.emit('Reshape', [summed, target], like.shape)
  }
}

/** What −1 stands for when x of this shape is reshaped: '' when it cannot be told. */
function restOf(from: readonly Dim[], dims: readonly (number | { of: Value; axis: number })[]): Dim {
  const to = dims.flatMap(d => (d === -1 ? [] : [typeof d === 'number' ? d : (d.of.shape[d.axis] ?? '')]))
  const named = [from, to].map(list => list.filter(d => typeof d === 'string').join())
  const [all, taken] = [from, to].map(list =>
    list.reduce<number>((n, d) => (typeof d === 'number' ? n * d : n), 1),
  )
  // The same names on both sides cancel; unknown dimensions do not.
  if (named[0] !== named[1] || from.includes('') || !all || !taken || all % taken !== 0) return ''
  return all / taken
}

function typeCode(type: string): number {
  return makeTensor('', type as 'float32', [0], []).dataType
}

function typedData(type: string, data: readonly number[]): number[] | bigint[] {
  return type === 'int64' ? data.map(BigInt) : [...data]
}
