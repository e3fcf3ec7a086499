/**
 * A value told as a source whose axes were put in another order and then run together: what Transpose and Reshape do,
 * without doing it. Axes of size 1 are left out.
 */

export interface Moved {
  /** Sizes of the source's axes. */
  shape: readonly number[]
  /** The order they are put in. */
  perm: readonly number[]
  /** How many of the axes in that order make up each axis of the value; none where its size is 1. */
  groups: readonly number[]
}

/** A value of this shape with its axes permuted. */
export function permuted(shape: readonly number[], perm: readonly number[]): Moved {
  const axes = shape.flatMap((size, i) => (size === 1 ? [] : [i]))
  return {
    shape: axes.map(i => shape[i] ?? 1),
    perm: perm.flatMap(p => (axes.includes(p) ? [axes.indexOf(p)] : [])),
    groups: perm.map(p => (axes.includes(p) ? 1 : 0)),
  }
}

/** Whether the order is that of the source. */
export function inOrder({ perm }: Moved): boolean {
  return perm.every((p, i) => p === i)
}

/** Where the axes of the source in each axis of the value begin and end. */
function bounds(groups: readonly number[]): [number, number][] {
  let at = 0
  return groups.map(count => {
    const begin = at
    at += count
    return [begin, at]
  })
}

/** The value with its own axes permuted. */
export function transposed(moved: Moved, perm: readonly number[]): Moved {
  const places = bounds(moved.groups)
  return {
    shape: moved.shape,
    perm: perm.flatMap(p => moved.perm.slice(...(places[p] ?? [0, 0]))),
    groups: perm.map(p => moved.groups[p] ?? 0),
  }
}

/** The value reshaped, axes of the source taken apart where that is needed; undefined when they cannot be. */
export function reshaped(moved: Moved, target: readonly number[]): Moved | undefined {
  let [shape, perm] = [[...moved.shape], [...moved.perm]]
  const groups: number[] = []
  let at = 0
  for (const size of target) {
    const begin = at
    let product = 1
    while (product < size) {
      const axis = perm[at]
      const have = shape[axis ?? -1]
      if (axis === undefined || have === undefined) return undefined
      const want = size / product
      if (want % have !== 0) {
        if (have % want !== 0) return undefined
        shape = [...shape.slice(0, axis), want, have / want, ...shape.slice(axis + 1)]
        perm = perm.flatMap(p => (p === axis ? [p, p + 1] : [p > axis ? p + 1 : p]))
        product *= want
      } else product *= have
      at++
    }
    if (product !== size) return undefined
    groups.push(at - begin)
  }
  return at === perm.length ? { shape, perm, groups } : undefined
}

/**
 * How the source must be permuted for the last axis of the value to be its last axes, the others as they were; undefined
 * where the last axis is of size 1. In order when nothing has to be done.
 */
export function lastBehind({ shape, perm, groups }: Moved): number[] | undefined {
  const count = groups.at(-1) ?? 0
  if (count === 0) return undefined
  const last = perm.slice(perm.length - count)
  const others = [...shape.keys()].filter(axis => !last.includes(axis))
  return [...others, ...last]
}

/** The same value told from the source with its axes in another order. */
export function reordered({ shape, perm, groups }: Moved, order: readonly number[]): Moved {
  return { shape: order.map(axis => shape[axis] ?? 1), perm: perm.map(p => order.indexOf(p)), groups }
}

/** The value with another size of its last axis, which lies behind all others (see `lastBehind`). */
export function widened({ shape, perm, groups }: Moved, size: number): Moved {
  const count = groups.at(-1) ?? 0
  const leading = shape.length - count
  const wide = size === 1 ? [] : [size]
  return {
    shape: [...shape.slice(0, leading), ...wide],
    perm: [...perm.slice(0, leading), ...wide.map(() => leading)],
    groups: [...groups.slice(0, -1), wide.length],
  }
}

/** The axis of the source that an axis of the value is; undefined when it is none or several. */
export function singleAxis({ perm, groups }: Moved, axis: number): number | undefined {
  const [begin] = bounds(groups)[axis] ?? []
  return groups[axis] === 1 && begin !== undefined ? perm[begin] : undefined
}

/** The value with another size of one of its axes that is one of the source's. */
export function resized(moved: Moved, axis: number, size: number): Moved {
  const at = singleAxis(moved, axis)
  if (at === undefined) return moved
  const shape = moved.shape.map((s, i) => (i === at ? size : s))
  if (size !== 1) return { ...moved, shape }
  return {
    shape: shape.filter((_, i) => i !== at),
    perm: moved.perm.flatMap(p => (p === at ? [] : [p > at ? p - 1 : p])),
    groups: moved.groups.map((count, i) => (i === axis ? 0 : count)),
  }
}
