/** Dropping channels of groups: weights are cut, and whatever in the graph holds a size is set to the new one. */
import type { TensorProto } from 'onnx-buf'
import { TensorProto_DataLocation } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { withoutMark } from '../onnx/paged'
import { shallow } from '../onnx/shallow'
import { elementBits, tensorBytes, tensorDims } from '../onnx/tensor'
import { type Dim, find } from './dims'
import type { Slicing } from './flow'
import type { Structure } from './groups'

/**
 * The model with only the channels in `keep` (ascending, by group id) of the groups named there; other groups stay
 * whole. Inputs, outputs and names of what is left stay. Throws `bad-option` for a group that is not there, may not be
 * reduced, or an index that is out of order or range.
 */
export function sliceGroups(structure: Structure, keep: ReadonlyMap<string, Uint32Array>): Model {
  const kept = new Map<Dim, Uint32Array>()
  for (const [id, indices] of keep) kept.set(checked(structure, id, indices), indices)
  const model = copyModel(structure.model)
  const { graph } = model
  const cut = new Cut(kept)
  const slicing: Slicing = {
    graph,
    size: dim => cut.positions(dim)?.length ?? dim.size,
    changed: dim => cut.positions(dim) !== null,
  }
  // Edits may add nodes: the list is taken before.
  const nodes = [...graph.nodes]
  for (const tensor of [...graph.initializers()]) {
    const axes = structure.flow.axes.get(tensor.name)?.map(dim => cut.positions(dim))
    if (axes?.some(Boolean)) graph.setInitializer(cutTensor(tensor, axes, model.directory))
  }
  for (const [position, edits] of structure.flow.edits) {
    const node = nodes[position]
    if (node) for (const edit of edits) edit(node, slicing)
  }
  const inputs = new Set(graph.proto.input.map(v => v.name))
  if (![...graph.initializers()].some(t => inputs.has(t.name))) graph.removeUnusedInitializers()
  // What the file declares of values inside may not hold any more.
  graph.proto.valueInfo = []
  return model
}

/**
 * Which channels each value still has when only those in `keep` stay: positions along its first axis that is cut; null
 * where none is.
 */
export function keptChannels(
  structure: Structure,
  keep: ReadonlyMap<string, Uint32Array>,
): (value: string) => Uint32Array | null {
  const kept = new Map<Dim, Uint32Array>()
  for (const [id, indices] of keep) kept.set(checked(structure, id, indices), indices)
  const cut = new Cut(kept)
  return value => {
    for (const dim of structure.flow.axes.get(value) ?? []) {
      const positions = cut.positions(dim)
      if (positions) return positions
    }
    return null
  }
}

function checked(structure: Structure, id: string, indices: Uint32Array): Dim {
  const group = structure.groups.find(g => g.id === id)
  const dim = structure.dims.get(id)
  if (!group || !dim)
    throw new BantamError('bad-option', `There is no group of channels ${id}.`, { where: id })
  const reason = group.declined[0]
  if (reason)
    throw new BantamError('bad-option', `The channels of ${id} cannot be reduced: ${reason.message}`, {
      where: reason.node ?? id,
    })
  const ordered = indices.every(
    (index, i) => index < group.size && (i === 0 || index > (indices[i - 1] ?? 0)),
  )
  if (!ordered || indices.length === 0)
    throw new BantamError(
      'bad-option',
      `The channels to keep of ${id} must be ascending numbers below ${group.size}, at least one.`,
      { where: id },
    )
  return dim
}

/** Which positions of an axis stay; null when all do. */
class Cut {
  private readonly known = new Map<Dim, Uint32Array | null>()

  constructor(kept: ReadonlyMap<Dim, Uint32Array>) {
    for (const [dim, indices] of kept) if (indices.length < dim.size) this.known.set(dim, indices)
  }

  positions(dim: Dim): Uint32Array | null {
    const at = find(dim)
    const known = this.known.get(at)
    if (known !== undefined || !at.parts) return known ?? null
    const parts = at.parts.of.map(part => this.positions(part))
    const result = parts.some(Boolean) ? this.combine(at, parts) : null
    this.known.set(at, result)
    return result
  }

  private combine(dim: Dim, parts: readonly (Uint32Array | null)[]): Uint32Array {
    const of = dim.parts?.of ?? []
    const full = parts.map((p, i) => p ?? Uint32Array.from({ length: of[i]?.size ?? 0 }, (_, k) => k))
    if (dim.parts?.kind === 'sum') {
      let offset = 0
      return Uint32Array.from(
        full.flatMap((positions, i) => {
          const moved = Array.from(positions, p => p + offset)
          offset += of[i]?.size ?? 0
          return moved
        }),
      )
    }
    return full.reduce((outer, inner, i) => {
      const size = i === 0 ? 1 : (of[i]?.size ?? 1)
      const result = new Uint32Array(outer.length * inner.length)
      for (let a = 0; a < outer.length; a++)
        for (let b = 0; b < inner.length; b++)
          result[a * inner.length + b] = (outer[a] ?? 0) * size + (inner[b] ?? 0)
      return result
    }, new Uint32Array(1))
  }
}

/** The tensor with the positions listed of each axis. Its elements are whole bytes. */
function cutTensor(
  tensor: TensorProto,
  axes: readonly (Uint32Array | null)[],
  directory: string | null,
): TensorProto {
  const dims = tensorDims(tensor)
  const width = (elementBits(tensor.dataType) ?? 8) / 8
  const kept = dims.map((size, axis) => axes[axis]?.length ?? size)
  const result = new Uint8Array(kept.reduce((size, d) => size * d, width))
  // From the last axis that is cut on, elements are copied as one piece.
  const last = axes.findLastIndex(Boolean)
  const piece = dims.slice(last + 1).reduce((size, d) => size * d, width)
  const copy = pieceCopier(tensorBytes(tensor, directory), result, piece)
  let to = 0
  const visit = (axis: number, from: number) => {
    const size = dims[axis] ?? 1
    const positions = axes[axis]
    const count = kept[axis] ?? 1
    for (let i = 0; i < count; i++) {
      const at = from * size + (positions ? (positions[i] ?? 0) : i)
      if (axis < last) visit(axis + 1, at)
      else copy(at, to++)
    }
  }
  visit(0, 0)
  const copyTensor = shallow(withoutMark(tensor))
  for (const field of ['floatData', 'int32Data', 'int64Data', 'doubleData', 'uint64Data'] as const)
    copyTensor[field] = []
  copyTensor.externalData = []
  copyTensor.dataLocation = TensorProto_DataLocation.DEFAULT
  copyTensor.dims = kept.map(BigInt)
  copyTensor.rawData = result
  return copyTensor
}

/** Below so many words a loop copies faster than the typed array does. */
const SHORT = 32

/** Copies the piece numbered `from` to the place numbered `to`, in words of four bytes where pieces consist of them. */
function pieceCopier(
  source: Uint8Array,
  target: Uint8Array,
  piece: number,
): (from: number, to: number) => void {
  const words = piece % 4 === 0
  const bytes = words && source.byteOffset % 4 !== 0 ? source.slice() : source
  const view = (data: Uint8Array) =>
    words ? new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4) : data
  const [a, b] = [view(bytes), view(target)]
  const step = words ? piece / 4 : piece
  if (step === 1)
    return (from, to) => {
      b[to] = a[from] ?? 0
    }
  if (step > SHORT)
    return (from, to) => {
      b.set(a.subarray(from * step, (from + 1) * step), to * step)
    }
  return (from, to) => {
    for (let i = 0; i < step; i++) b[to * step + i] = a[from * step + i] ?? 0
  }
}
