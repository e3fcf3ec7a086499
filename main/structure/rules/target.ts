/** Operators that are told the shape of their result: constants and computed shapes are rewritten when it shrinks. */
import { type Dim, find, fixedDim, isFree, productOf } from '../dims'
import { setAttribute, setInts } from '../edits'
import type { ChannelRule, Site } from '../flow'

const COMPUTED = 'The size of this axis is computed while the model runs.'

/**
 * Reshape. In the new target an axis of known size is its number, one the model computes stays computed or is copied
 * from the input (0), and one that is computed from something that shrinks is left to be found (−1): there may be one.
 */
export const reshape: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  const target = s.ints(1)
  if (!target) {
    s.opaque('The shape it makes is not known.')
    return
  }
  s.unify(productOf(x), productOf(y))
  const inferred = (axis: number) => target[axis] === -1 && s.dynamic(axis)
  s.check(() => {
    let open = y.filter((_, axis) => inferred(axis)).length
    y.forEach((dim, axis) => {
      if (!s.dynamic(axis) || inferred(axis) || !isFree(dim)) return
      if (open++ > 0) s.fix([dim], COMPUTED)
    })
  })
  s.edit((node, slicing) => {
    if (!y.some(slicing.changed)) return
    const sizes = y.map((dim, axis) => {
      if (!s.dynamic(axis)) return slicing.size(dim)
      if (inferred(axis) || slicing.changed(dim)) return -1
      const from = x[axis]
      return target[axis] === 0 || (from && find(from) === find(dim)) ? 0 : null
    })
    // One that would have to be computed can be found instead.
    const first = sizes.indexOf(null)
    if (first >= 0 && !sizes.includes(-1)) sizes[first] = -1
    setAttribute(node, 'allowzero', undefined)
    setInts(node, 1, sizes, slicing)
  })
}

/** Expand: an axis that keeps the size of the input is 1 in the new target. */
export const expand: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  const target = s.ints(1)
  if (!target) {
    s.opaque('The shape it makes is not known.')
    return
  }
  s.broadcast(x, y)
  const source = (axis: number) => x[axis - (y.length - x.length)]
  const kept = (axis: number) => source(axis)?.size === y[axis]?.size
  const skipped = y.length - target.length
  told(
    s,
    1,
    y.slice(skipped),
    i => s.dynamic(i + skipped),
    i => kept(i + skipped),
  )
}

/** A constant of a given shape. */
export const constantOfShape: ChannelRule = s => {
  if (!s.ints(0)) s.opaque('The shape it makes is not known.')
  else told(s, 0, s.output(), axis => s.dynamic(axis))
}

/** Resize and Upsample: an axis that keeps its size at every size of the input keeps its channels. */
export const resize: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  x.forEach((dim, axis) => {
    const stays = dim.size === y[axis]?.size && (axis < 2 || !s.dynamicInput(0, axis))
    if (stays) s.unify(dim, y[axis])
    if (!stays || axis > 1) s.place([dim, y[axis]])
  })
  if (s.has(3) && s.ints(3)?.length === y.length) told(s, 3, y, axis => s.dynamic(axis))
}

/** Each axis is repeated as often as told. */
export const tile: ChannelRule = s => {
  s.input(0).forEach((dim, axis) => {
    const to = s.output()[axis]
    if (!to || dim.size === 0) return
    const times = fixedDim(to.size / dim.size, { message: 'Tile repeats it.', node: s.where })
    s.unify(to, productOf([times, dim]))
  })
}

/**
 * Rewrites the shape at input `index` when sizes change: an axis `kept` from the input becomes 1, one of known size its
 * number. What is computed must not shrink.
 */
function told(
  s: Site,
  index: number,
  dims: readonly Dim[],
  dynamic: (i: number) => boolean,
  kept: (i: number) => boolean = () => false,
): void {
  s.check(() => {
    dims.forEach((dim, i) => {
      if (dynamic(i) && !kept(i) && isFree(dim)) s.fix([dim], COMPUTED)
    })
  })
  s.edit((node, slicing) => {
    if (!dims.some(slicing.changed)) return
    const sizes = dims.map((dim, i) => {
      if (kept(i) && slicing.changed(dim)) return 1
      return dynamic(i) ? null : slicing.size(dim)
    })
    setInts(node, index, sizes, slicing)
  })
}
