/** Channels through operators that keep the shape, and through reductions. */
import { intAttribute, intsAttribute } from '../../onnx/build'
import type { Dim } from '../dims'
import type { ChannelRule, Site } from '../flow'

/** Every output element comes from the elements at its place, with broadcasting. */
export const elementwise: ChannelRule = s => {
  s.node.output.forEach((_, o) => {
    s.node.input.forEach((_, i) => {
      s.broadcast(s.input(i), s.output(o))
    })
  })
}

/** As `elementwise`, where only the first input has elements; others hold settings. */
export const first: ChannelRule = s => {
  s.node.output.forEach((_, o) => {
    s.broadcast(s.input(0), s.output(o))
  })
}

/** Softmax and its kin: the sum runs over the axis, up to operator set 12 over all after it as well. */
export const softmax: ChannelRule = s => {
  first(s)
  const dims = s.input(0)
  const old = s.opset < 13
  const axis = at(intAttribute(s.node, 'axis', old ? 1 : -1), dims.length)
  s.count(old ? dims.slice(axis) : [dims[axis]])
}

/** A running sum, or whatever else depends on the order along an axis. */
export function alongAxis(axisOf: (s: Site) => number | undefined): ChannelRule {
  return s => {
    first(s)
    const axis = axisOf(s)
    const dims = s.input(0)
    if (axis === undefined) s.fix(dims, `${s.node.opType} works along an axis that is not known.`)
    else s.fix([dims[at(axis, dims.length)]], `${s.node.opType} depends on the order along this axis.`)
  }
}

/** Axes a reduction works over, all when it names none. */
function reducedAxes(s: Site, rank: number): number[] | undefined {
  const all = Array.from({ length: rank }, (_, axis) => axis)
  const listed = s.has(1) ? s.ints(1) : (intsAttribute(s.node, 'axes') ?? [])
  if (!listed) return undefined
  if (listed.length === 0) return intAttribute(s.node, 'noop_with_empty_axes', 0) === 1 ? [] : all
  return listed.map(axis => at(axis, rank))
}

/** A reduction; `counts` when zeros in the sum change the result, as in a mean. */
export function reduction(counts: boolean): ChannelRule {
  return s => {
    const dims = s.input(0)
    const axes = reducedAxes(s, dims.length)
    if (!axes) {
      s.opaque('Which axes it reduces is not known.')
      return
    }
    keepOthers(s, dims, axes)
    if (counts) s.count(axes.map(axis => dims[axis]))
  }
}

/** The index of the largest: it numbers the channels, so that none may go. */
export const argmax: ChannelRule = s => {
  const dims = s.input(0)
  const axis = at(intAttribute(s.node, 'axis', 0), dims.length)
  keepOthers(s, dims, [axis])
  s.fix([dims[axis]], `${s.node.opType} gives numbers of channels.`)
}

function keepOthers(s: Site, dims: readonly Dim[], axes: readonly number[]): void {
  const keep = intAttribute(s.node, 'keepdims', 1) === 1
  let to = 0
  dims.forEach((dim, axis) => {
    const gone = axes.includes(axis)
    if (!gone) s.unify(dim, s.output()[to])
    if (!gone || keep) to++
  })
}

export const topK: ChannelRule = s => {
  const dims = s.input(0)
  const axis = at(intAttribute(s.node, 'axis', -1), dims.length)
  for (const output of [s.output(0), s.output(1)]) {
    dims.forEach((dim, i) => {
      if (i !== axis) s.unify(dim, output[i])
    })
    s.fix([dims[axis], output[axis]], 'TopK orders this axis.')
  }
}

/** An axis counted from the end when it is negative. */
export function at(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}
