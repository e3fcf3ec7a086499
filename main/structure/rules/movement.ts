/** Channels through operators that move elements without changing them. */
import { intAttribute, intsAttribute, stringAttribute } from '../../onnx/build'
import { type Dim, fixedDim, newDim, productOf, sumOf } from '../dims'
import { setAttribute, setInts } from '../edits'
import type { ChannelRule, Site } from '../flow'
import { at } from './elementwise'

export const transpose: ChannelRule = s => {
  const x = s.input(0)
  const order = intsAttribute(s.node, 'perm') ?? x.map((_, axis) => x.length - 1 - axis)
  order.forEach((from, to) => {
    s.unify(x[from], s.output()[to])
  })
}

/** Flatten, Squeeze, Unsqueeze: the same elements in the same order. */
export const regroup: ChannelRule = s => {
  s.unify(productOf(s.input(0)), productOf(s.output()))
}

export const concat: ChannelRule = s => {
  const y = s.output()
  const axis = at(intAttribute(s.node, 'axis', 0), y.length)
  y.forEach((dim, i) => {
    const parts = s.node.input.map((_, k) => s.input(k)[i])
    if (i !== axis) for (const part of parts) s.unify(part, dim)
    else s.unify(sumOf(parts.filter(part => part !== undefined)), dim)
  })
}

export const split: ChannelRule = s => {
  const x = s.input(0)
  const axis = at(intAttribute(s.node, 'axis', 0), x.length)
  const outputs = s.node.output.map((_, k) => s.output(k))
  x.forEach((dim, i) => {
    const parts = outputs.map(y => y[i]).filter(part => part !== undefined)
    if (i !== axis) for (const part of parts) s.unify(part, dim)
    else s.unify(sumOf(parts), dim)
  })
  const parts = outputs.map(y => y[axis] ?? newDim(0))
  s.edit((node, slicing) => {
    if (!parts.some(slicing.changed)) return
    const sizes = parts.map(slicing.size)
    setAttribute(node, 'num_outputs', undefined)
    if (s.opset < 13) setAttribute(node, 'split', sizes.map(BigInt))
    else setInts(node, 1, sizes, slicing)
  })
}

interface Bounds {
  axes: number[]
  starts: number[]
  ends: number[]
  steps: number[]
}

function bounds(s: Site, rank: number): Bounds | undefined {
  const read = (index: number, name: string) => (s.opset < 10 ? intsAttribute(s.node, name) : s.ints(index))
  const starts = read(1, 'starts')
  const ends = read(2, 'ends')
  const axes = s.opset >= 10 && !s.has(3) ? starts?.map((_, i) => i) : read(3, 'axes')
  if (!starts || !ends) return undefined
  const steps = s.has(4) ? s.ints(4) : starts.map(() => 1)
  const listed = axes ?? (s.opset < 10 ? starts.map((_, i) => i) : undefined)
  return listed && steps && { axes: listed.map(axis => at(axis, rank)), starts, ends, steps }
}

/** x = before + taken + after along each axis that is cut, step by step one. */
export const slice: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  const found = bounds(s, x.length)
  if (!found) {
    s.opaque('Where it cuts is not known.')
    return
  }
  const before = new Map<number, Dim>()
  x.forEach((dim, axis) => {
    const to = y[axis]
    const i = found.axes.indexOf(axis)
    if (i < 0 || (to?.size === dim.size && found.steps[i] === 1)) {
      s.unify(dim, to)
    } else if (!to || to.size === 0 || found.steps[i] !== 1 || s.dynamicInput(0, axis)) {
      s.fix([dim, to], 'Slice takes places of this axis.')
    } else {
      const start = Math.min(Math.max(0, at(found.starts[i] ?? 0, dim.size)), dim.size)
      const head = newDim(start)
      before.set(i, head)
      s.unify(dim, sumOf([head, to, newDim(dim.size - start - to.size)]))
    }
  })
  s.edit((node, slicing) => {
    const cut = (i: number) => {
      const axis = found.axes[i] ?? 0
      const [dim, to, head] = [x[axis], y[axis], before.get(i)]
      const changed = dim && to && (slicing.changed(dim) || slicing.changed(to))
      if (!changed) return null
      const start = head ? slicing.size(head) : 0
      return { start, end: start + slicing.size(to) }
    }
    const cuts = found.axes.map((_, i) => cut(i))
    if (!cuts.some(Boolean)) return
    if (s.opset < 10) {
      setAttribute(
        node,
        'starts',
        cuts.map((c, i) => BigInt(c?.start ?? found.starts[i] ?? 0)),
      )
      setAttribute(
        node,
        'ends',
        cuts.map((c, i) => BigInt(c?.end ?? found.ends[i] ?? 0)),
      )
      return
    }
    setInts(
      node,
      1,
      cuts.map(c => c?.start ?? null),
      slicing,
    )
    setInts(
      node,
      2,
      cuts.map(c => c?.end ?? null),
      slicing,
    )
  })
}

/** Padding keeps what is padded and adds places that stay. */
export const pad: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  const pads = s.opset < 11 ? intsAttribute(s.node, 'pads') : s.ints(1)
  const listed = s.has(3) ? s.ints(3) : x.map((_, axis) => axis)
  const constant = stringAttribute(s.node, 'mode', 'constant') === 'constant'
  if (!pads || !listed) {
    s.opaque('How much it pads is not known.')
    return
  }
  const axes = listed.map(axis => at(axis, x.length))
  x.forEach((dim, axis) => {
    const i = axes.indexOf(axis)
    const before = i < 0 ? 0 : (pads[i] ?? 0)
    const after = i < 0 ? 0 : (pads[i + axes.length] ?? 0)
    if (before === 0 && after === 0) s.unify(dim, y[axis])
    else if (before < 0 || after < 0 || !constant) s.fix([dim, y[axis]], 'Pad works on places of this axis.')
    else {
      const added = (size: number) => fixedDim(size, { message: 'Pad adds it.', node: s.where })
      s.unify(sumOf([added(before), dim, added(after)]), y[axis])
    }
  })
}

/** Rows of a table or one place of an axis are picked by number; the other axes go on. */
export const gather: ChannelRule = s => {
  const [x, indices, y] = [s.input(0), s.input(1), s.output()]
  const axis = at(intAttribute(s.node, 'axis', 0), x.length)
  const table = s.flow.model.graph.initializer(s.node.input[0] ?? '') !== undefined
  if (table || indices.length === 0) s.place([x[axis]])
  else s.fix([x[axis]], 'Gather picks channels by their number.')
  const result = [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]
  result.forEach((dim, i) => {
    s.unify(dim, y[i])
  })
}

/** C = block × block × C′ (DCR) or C′ × block × block (CRD). */
export const depthToSpace: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  const block = intAttribute(s.node, 'blocksize', 1)
  const side = () =>
    fixedDim(block, { message: 'It becomes places of an image.', node: s.where, place: true })
  const inner = y[1]
  if (!inner) return
  const dcr = stringAttribute(s.node, 'mode', 'DCR') === 'DCR'
  s.unify(x[0], y[0])
  s.unify(x[1], productOf(dcr ? [side(), side(), inner] : [inner, side(), side()]))
  s.place([...x.slice(2), ...y.slice(2)])
}

export const spaceToDepth: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  const block = intAttribute(s.node, 'blocksize', 1)
  const side = () => fixedDim(block, { message: 'It was places of an image.', node: s.where, place: true })
  const inner = x[1]
  if (!inner) return
  s.unify(x[0], y[0])
  s.unify(y[1], productOf([side(), side(), inner]))
  s.place([...x.slice(2), ...y.slice(2)])
}

/** Pooling and whatever else keeps batch and channels and works on places. */
export const places: ChannelRule = s => {
  const x = s.input(0)
  s.node.output.forEach((_, o) => {
    const y = s.output(o)
    s.unify(x[0], y[0])
    s.unify(x[1], y[1])
    s.place([...x.slice(2), ...y.slice(2)])
  })
}

/** Global pooling: the places go away. */
export const globalPool: ChannelRule = s => {
  s.unify(s.input(0)[0], s.output()[0])
  s.unify(s.input(0)[1], s.output()[1])
  s.count(s.input(0).slice(2))
}

/** What is sampled keeps its channels; where is decided by the second input. */
export const sampled: ChannelRule = s => {
  const [x, y] = [s.input(0), s.output()]
  s.unify(x[1], y[1])
  const others = [x[0], ...x.slice(2), y[0], ...y.slice(2), ...s.input(1), ...s.input(2)]
  s.place(others)
}

export const trilu: ChannelRule = s => {
  s.broadcast(s.input(0), s.output())
  s.fix(s.input(0).slice(-2), 'Trilu tells places of this axis apart.')
}

/** Shapes and ranges: what is inside does not go on, the result stays as it is. */
export const shapeOnly: ChannelRule = s => {
  s.fix(s.output(), `${s.node.opType} makes it.`)
}
