/** Channels through convolutions and matrix products: contracted ones are shared by both operands, others go on. */
import { intAttribute, intsAttribute, stringAttribute } from '../../onnx/build'
import { type Dim, newDim, productOf } from '../dims'
import { setAttribute } from '../edits'
import type { ChannelRule, Site } from '../flow'

/** Places a window moves over: they stay, unless it is one place wide and moves one by one. */
function windows(s: Site, x: readonly Dim[], w: readonly Dim[], y: readonly Dim[]): void {
  s.place(w.slice(2))
  const ones = (name: string, value: number) => (intsAttribute(s.node, name) ?? []).every(v => v === value)
  const through = w.slice(2).every(d => d.size === 1) && ones('strides', 1) && ones('pads', 0)
  for (let axis = 2; axis < x.length; axis++) {
    if (through && x[axis]?.size === y[axis]?.size) s.unify(x[axis], y[axis])
    else s.place([x[axis], y[axis]])
  }
}

/** The dim of the groups, kept in the node's attribute. */
function groups(s: Site): Dim {
  const dim = newDim(intAttribute(s.node, 'group', 1))
  s.edit((node, slicing) => {
    if (slicing.changed(dim)) setAttribute(node, 'group', BigInt(slicing.size(dim)))
  })
  return dim
}

/** W [M, C/g, k…] = [g·(M/g), C/g, k…]: X has g·(C/g) channels, Y has M. */
export const conv: ChannelRule = s => {
  const [x, w, y] = [s.input(0), s.input(1), s.output()]
  const [out, inner] = w
  if (!out || !inner) return
  const group = groups(s)
  s.unify(x[0], y[0])
  s.unify(x[1], productOf([group, inner]))
  s.unify(out, productOf([group, newDim(out.size / group.size)]))
  s.unify(out, y[1])
  if (s.has(2)) s.unify(s.input(2)[0], out)
  if (s.has(3)) s.broadcast(s.input(3), y)
  windows(s, x, w, y)
}

/** W [C, M/g, k…] = [g·(C/g), M/g, k…]: X has C channels, Y has g·(M/g). */
export const convTranspose: ChannelRule = s => {
  const [x, w, y] = [s.input(0), s.input(1), s.output()]
  const [into, inner] = w
  if (!into || !inner) return
  const group = groups(s)
  s.unify(x[0], y[0])
  s.unify(into, productOf([group, newDim(into.size / group.size)]))
  s.unify(x[1], into)
  s.unify(y[1], productOf([group, inner]))
  if (s.has(2)) s.unify(s.input(2)[0], y[1])
  windows(s, x, w, y)
}

/** Y […, M, N] = A […, M, K] · B […, K, N]; vectors lose their axis. */
function product(s: Site, a: readonly Dim[], b: readonly Dim[]): void {
  const y = s.output()
  s.unify(a.at(-1), b.length > 1 ? b.at(-2) : b.at(-1))
  const tail = (a.length > 1 ? 1 : 0) + (b.length > 1 ? 1 : 0)
  if (a.length > 1) s.unify(a.at(-2), y.at(-tail))
  if (b.length > 1) s.unify(b.at(-1), y.at(-1))
  const batch = y.slice(0, y.length - tail)
  s.broadcast(a.slice(0, -2), batch)
  s.broadcast(b.slice(0, -2), batch)
}

export const matmul: ChannelRule = s => {
  product(s, s.input(0), s.input(1))
}

function swapped(s: Site, index: number, attribute: string): Dim[] {
  const dims = [...s.input(index)]
  if (intAttribute(s.node, attribute, 0) === 0 || dims.length < 2) return dims
  const last = dims.splice(-2, 1)
  return [...dims, ...last]
}

export const gemm: ChannelRule = s => {
  product(s, swapped(s, 0, 'transA'), swapped(s, 1, 'transB'))
  if (s.has(2)) s.broadcast(s.input(2), s.output())
}

export const fusedMatMul: ChannelRule = s => {
  if (intAttribute(s.node, 'transBatchA', 0) !== 0 || intAttribute(s.node, 'transBatchB', 0) !== 0)
    s.opaque('It moves axes of the batch.')
  else product(s, swapped(s, 0, 'transA'), swapped(s, 1, 'transB'))
}

/** One dim per letter. */
export const einsum: ChannelRule = s => {
  const equation = stringAttribute(s.node, 'equation', '').replaceAll(' ', '')
  const [left = '', right] = equation.split('->')
  if (right === undefined || equation.includes('.')) {
    s.opaque('Its equation has no written result or holds an ellipsis.')
    return
  }
  const letters = new Map<string, Dim>()
  const meet = (term: string, dims: readonly Dim[]) => {
    ;[...term].forEach((letter, axis) => {
      const dim = dims[axis]
      const known = letters.get(letter)
      if (!dim || dim.size === 1) return
      if (known) s.unify(known, dim)
      else letters.set(letter, dim)
    })
  }
  left.split(',').forEach((term, i) => {
    meet(term, s.input(i))
  })
  meet(right, s.output())
}
