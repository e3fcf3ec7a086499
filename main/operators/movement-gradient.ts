/** Gradients of data movement: ȳ goes back to where x came from, zeros elsewhere; what was read twice is added. */
import { intAttribute, intsAttribute, stringAttribute } from '../onnx/build'
import { axisOf } from './activation-gradient'
import { type Builder, type Dim, staticShape, type Value } from './builder'
import type { Site, Vjp } from './gradient'
import { computed } from './reduction-gradient'

/** The same elements in another shape. */
export const reshaped: Vjp = s => [s.m.reshapeLike(s.grad(), s.input(0))]

export const transpose: Vjp = s => {
  const rank = s.input(0).shape.length
  const perm = intsAttribute(s.node, 'perm') ?? [...Array(rank).keys()].reverse()
  const inverse = perm.map((_, i) => perm.indexOf(i))
  return [s.m.transpose(s.grad(), inverse)]
}

/** x̄ᵢ is the part of ȳ that xᵢ filled. */
export const concat: Vjp = s => {
  const { m } = s
  const inputs = s.node.input.map((_, i) => s.input(i))
  const axis = axisOf(intAttribute(s.node, 'axis', 0), s.output())
  const sizes = m.concat(
    inputs.map(x => m.dimOf(x, axis)),
    0,
    [inputs.length],
  )
  return m.emitMany(
    'Split',
    [s.grad(), sizes],
    inputs.map(x => x.shape),
    { axis: BigInt(axis) },
  )
}

export const splitRule: Vjp = s => {
  const x = s.input(0)
  const parts = s.node.output.map((_, i) => s.grad(i))
  return [s.m.concat(parts, axisOf(intAttribute(s.node, 'axis', 0), x), x.shape)]
}

/** y = x repeated rᵢ times along axis i: ȳ as [r₀, d₀, r₁, d₁, …], summed over the repeats. */
export const tile: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  const repeats = s.constant(1)
  if (!repeats) throw computed(s, 'repeats')
  const dims = x.shape.flatMap((d, axis) => [repeats[axis] ?? 1, typeof d === 'number' ? d : { of: x, axis }])
  const summed = m.sum(
    m.reshape(s.grad(), dims),
    x.shape.map((_, i) => 2 * i),
    false,
  )
  return [summed]
}

/**
 * Zero padding is cropped; negative pads come back as zeros. In the other modes y repeats elements of x: along each axis
 * y = x·P with P what padding makes of the unit matrix, and x̄ = ȳ·Pᵀ.
 */
export const pad: Vjp = s => {
  const x = s.input(0)
  const rank = x.shape.length
  const mode = stringAttribute(s.node, 'mode', 'constant')
  const pads = s.constant(1)
  if (!pads) throw computed(s, 'pads')
  const axes = s.has(3) ? s.constant(3) : [...Array(rank).keys()]
  if (!axes) throw computed(s, 'axes')
  const before: number[] = Array(rank).fill(0)
  const after: number[] = Array(rank).fill(0)
  axes.forEach((a, i) => {
    before[axisOf(a, x)] = -(pads[i] ?? 0)
    after[axisOf(a, x)] = -(pads[i + axes.length] ?? 0)
  })
  if (mode === 'constant') return [s.m.pad(s.grad(), before, after)]
  return [
    before.reduce((g, _, axis) => {
      const [lead, rest] = [-(before[axis] ?? 0), -(after[axis] ?? 0)]
      if (lead === 0 && rest === 0) return g
      const unit = s.m.identity(x, axis)
      const shape = [1, 1, x.shape[axis] ?? '', s.output().shape[axis] ?? '']
      const inputs = [unit, s.m.ints([0, 0, 0, lead, 0, 0, 0, rest])]
      return s.m.alongAxis(g, s.m.emit('Pad', inputs, shape, { attributes: { mode } }), axis)
    }, s.grad()),
  ]
}

/** Adds rows g [i…, rest] into zeros shaped as x moved `axis` to the front, at integer positions along that axis. */
function scatterAlong(m: Builder, g: Value, indices: Value, x: Value, axis: number): Value {
  const rank = x.shape.length
  const q = indices.shape.length
  const front = [axis, ...[...Array(rank).keys()].filter(a => a !== axis)]
  const gAxes = [...Array(g.shape.length).keys()]
  const moved = [...gAxes.slice(axis, axis + q), ...gAxes.filter(a => a < axis || a >= axis + q)]
  const dims = front.map(a => x.shape[a] ?? '')
  const known = staticShape(dims)
  const target = known
    ? m.ints(known)
    : m.emit('Gather', [m.emit('Shape', [x], [rank], { type: 'int64' }), m.ints(front)], [rank])
  const zeros = m.emit('Expand', [m.scalar(0, g.type), target], dims)
  const at = m.emit('Unsqueeze', [indices, m.ints([-1])], [...indices.shape, 1])
  const added = m.emit('ScatterND', [zeros, at, m.transpose(g, moved)], dims, {
    attributes: { reduction: 'add' },
  })
  return m.transpose(
    added,
    front.map((_, i) => front.indexOf(i)),
  )
}

/** y = rows of x along an axis: rows of ȳ are added where they came from. */
export const gather: Vjp = s => {
  const x = s.input(0)
  const indices = s.m.cast(s.input(1), 'int64')
  return [scatterAlong(s.m, s.grad(), indices, x, axisOf(intAttribute(s.node, 'axis', 0), x))]
}

export const gatherElements: Vjp = s => {
  const x = s.input(0)
  const axis = BigInt(intAttribute(s.node, 'axis', 0))
  const zeros = s.m.fullLike(x, 0)
  const attributes = { axis, reduction: 'add' }
  return [s.m.emit('ScatterElements', [zeros, s.input(1), s.grad()], x.shape, { attributes })]
}

export const gatherND: Vjp = s => {
  const x = s.input(0)
  if (intAttribute(s.node, 'batch_dims', 0) !== 0) throw computed(s, 'batch_dims (not 0)')
  const attributes = { reduction: 'add' }
  return [s.m.emit('ScatterND', [s.m.fullLike(x, 0), s.input(1), s.grad()], x.shape, { attributes })]
}

/** Elements of x are replaced (or added to) by u at indices: ū = ȳ there; x̄ = ȳ, zero where replaced. */
export function scatter(op: 'ScatterND' | 'ScatterElements', read: 'GatherND' | 'GatherElements'): Vjp {
  return s => {
    const { m } = s
    const mode = stringAttribute(s.node, 'reduction', 'none')
    if (mode !== 'none' && mode !== 'add') throw computed(s, `reduction (not “none” or “add”)`)
    const g = s.grad()
    const at = s.input(1)
    const updates = s.input(2)
    const attributes: Record<string, bigint> =
      op === 'ScatterElements' ? { axis: BigInt(intAttribute(s.node, 'axis', 0)) } : {}
    const replaced = () => m.emit(op, [g, at, m.fullLike(updates, 0)], g.shape, { attributes })
    return [
      s.needs(0) ? (mode === 'add' ? g : replaced()) : undefined,
      undefined,
      s.needs(2) ? m.emit(read, [g, at], updates.shape, { attributes }) : undefined,
    ]
  }
}

/** y = a regular part of x. With known sizes and steps of one ȳ is padded; else it is scattered axis by axis. */
export const slice: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  const rank = x.shape.length
  const starts = s.constant(1)
  const axes = s.has(3) ? s.constant(3) : starts?.map((_, i) => i)
  const steps = s.has(4) ? s.constant(4) : axes?.map(() => 1)
  if (!axes || !steps) throw computed(s, 'axes and steps')
  const before: number[] = Array(rank).fill(0)
  const after: number[] = Array(rank).fill(0)
  const simple = axes.every((raw, i) => {
    const axis = axisOf(raw, x)
    const [size, kept, start] = [x.shape[axis], s.output().shape[axis], starts?.[i]]
    if (typeof size !== 'number' || typeof kept !== 'number' || start === undefined || steps[i] !== 1)
      return false
    const from = Math.min(Math.max(start < 0 ? start + size : start, 0), size)
    before[axis] = from
    after[axis] = size - from - kept
    return true
  })
  if (simple) return [m.pad(s.grad(), before, after)]
  return [
    sliceScattered(
      s,
      axes.map(a => axisOf(a, x)),
    ),
  ]
}

function sliceScattered(s: Site, axes: readonly number[]): Value {
  const { m } = s
  const x = s.input(0)
  const pick = (input: number, i: number) => m.emit('Gather', [s.input(input), m.ints([i])], [1])
  let g = s.grad()
  axes.forEach((axis, i) => {
    // The positions along the axis, sliced as x was, tell where each row of ȳ came from.
    const size = m.emit('Squeeze', [m.dimOf(x, axis), m.ints([0])], [])
    const all = m.emit('Range', [m.scalar(0, 'int64'), size, m.scalar(1, 'int64')], [''])
    const rest = [m.ints([0]), ...(s.has(4) ? [pick(4, i)] : [])]
    const at = m.emit('Slice', [all, pick(1, i), pick(2, i), ...rest], [g.shape[axis] ?? ''])
    g = scatterInto(m, g, at, x, axis)
  })
  return g
}

/** As `scatterAlong`, for a value that already has x's size along some axes: zeros are g's shape but for `axis`. */
function scatterInto(m: Builder, g: Value, at: Value, x: Value, axis: number): Value {
  const shape: Dim[] = g.shape.map((d, a) => (a === axis ? (x.shape[a] ?? '') : d))
  const dims = shape.map((_, a) => (a === axis ? m.dimOf(x, a) : m.dimOf(g, a)))
  const target = m.concat(dims, 0, [dims.length])
  const zeros = m.emit('Expand', [m.scalar(0, g.type), target], shape)
  return scatterAlong(m, g, at, zeros, axis)
}

/** y = off + (on − off)·h, h one where the index is: on̄ = Σ ȳ·h, off̄ = Σ ȳ·(1 − h) */
export const oneHot: Vjp = s => {
  const { m } = s
  const g = s.grad()
  const values = m.constant(g.type, [2], [0, 1])
  const attributes = { axis: BigInt(intAttribute(s.node, 'axis', -1)) }
  const h = m.emit('OneHot', [s.input(0), s.input(1), values], g.shape, { type: g.type, attributes })
  const all = [...g.shape.keys()]
  const total = m.sum(g, all, false)
  const on = m.sum(m.mul(g, h), all, false)
  const parts = [m.sub(total, on), on].map(v => m.emit('Unsqueeze', [v, m.ints([0])], [1]))
  return [undefined, undefined, m.concat(parts, 0, [2])]
}

/** Reversed again. */
export const reverseSequence: Vjp = s => {
  const attributes = {
    batch_axis: BigInt(intAttribute(s.node, 'batch_axis', 1)),
    time_axis: BigInt(intAttribute(s.node, 'time_axis', 0)),
  }
  return [s.m.emit('ReverseSequence', [s.grad(), s.input(1)], s.grad().shape, { attributes })]
}

/** y: blocks [N, C·k, L] added into an image. x̄ are the blocks of ȳ: a Conv with one filter per place in the block. */
export const col2im: Vjp = s => {
  const { m } = s
  const block = s.constant(2)
  const channels = s.output().shape[1]
  if (!block || typeof channels !== 'number') throw computed(s, 'block_shape and number of channels')
  const places = block.reduce((all, k) => all * k, 1)
  const one = Array.from({ length: places * places }, (_, i) => (i % (places + 1) === 0 ? 1 : 0))
  const filters = m.constant(
    s.grad().type,
    [channels * places, 1, ...block],
    Array(channels).fill(one).flat(),
  )
  const attributes: Record<string, bigint | bigint[]> = { group: BigInt(channels) }
  for (const name of ['dilations', 'pads', 'strides']) {
    const list = intsAttribute(s.node, name)
    if (list) attributes[name] = list.map(BigInt)
  }
  const shape = [s.grad().shape[0] ?? '', channels * places, ...block.map(() => '')]
  const blocks = m.emit('Conv', [s.grad(), filters], shape, { attributes })
  return [m.reshapeLike(blocks, s.input(0))]
}

/** The k largest: ȳ goes to where they were. */
export const topK: Vjp = s => {
  const x = s.input(0)
  const axis = BigInt(intAttribute(s.node, 'axis', -1))
  const zeros = s.m.fullLike(x, 0)
  return [s.m.emit('ScatterElements', [zeros, s.output(1), s.grad()], x.shape, { attributes: { axis } })]
}

/** y [N, C, H·b, W·b] from x [N, C·b², H, W]: the blocks go back to channels, in the order they were taken. */
export const depthToSpace: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  const b = intAttribute(s.node, 'blocksize', 1)
  const attributes = { blocksize: BigInt(b) }
  if (stringAttribute(s.node, 'mode', 'DCR') === 'DCR')
    return [m.emit('SpaceToDepth', [s.grad()], x.shape, { attributes })]
  const channels = Number(x.shape[1]) / (b * b)
  const [height, width] = [
    { of: x, axis: 2 },
    { of: x, axis: 3 },
  ]
  const blocks = m.reshape(s.grad(), [{ of: x, axis: 0 }, channels, height, b, width, b])
  return [m.reshapeLike(m.transpose(blocks, [0, 1, 3, 5, 2, 4]), x)]
}

export const spaceToDepth: Vjp = s => {
  const attributes = { blocksize: BigInt(intAttribute(s.node, 'blocksize', 1)) }
  return [s.m.emit('DepthToSpace', [s.grad()], s.input(0).shape, { attributes })]
}

export const trilu: Vjp = s => {
  const inputs = s.has(1) ? [s.grad(), s.input(1)] : [s.grad()]
  return [
    s.m.emit('Trilu', inputs, s.grad().shape, {
      attributes: { upper: BigInt(intAttribute(s.node, 'upper', 1)) },
    }),
  ]
}
