/** Channels through normalizations: what a mean runs over is counted, scale and shift go with their channel. */
import { intAttribute, intsAttribute } from '../../onnx/build'
import { type Dim, newDim, productOf } from '../dims'
import { setAttribute } from '../edits'
import type { ChannelRule, Site } from '../flow'
import { at, first } from './elementwise'

/** Scale, shift, mean and variance by channel. */
export const batchNormalization: ChannelRule = s => {
  s.broadcast(s.input(0), s.output())
  const channels = s.input(0)[1]
  for (let i = 1; i < s.node.input.length; i++) s.unify(s.input(i)[0], channels)
  for (let i = 1; i < s.node.output.length; i++) s.unify(s.output(i)[0], channels)
}

export const instanceNormalization: ChannelRule = s => {
  batchNormalization(s)
  s.count(s.input(0).slice(2))
}

/** From `axis` on. The mean and deviation given out keep the axes before. */
export const layerNormalization: ChannelRule = s => {
  const x = s.input(0)
  const axis = at(intAttribute(s.node, 'axis', -1), x.length)
  s.broadcast(x, s.output())
  for (let i = 1; i < s.node.input.length; i++) s.broadcast(s.input(i), x)
  for (let i = 1; i < s.node.output.length; i++)
    x.slice(0, axis).forEach((dim, a) => {
      s.unify(dim, s.output(i)[a])
    })
  s.count(x.slice(axis))
}

/** com.microsoft: x, skip, then vectors over the last axis; output 3 is x + skip. */
export const skipLayerNormalization: ChannelRule = s => {
  const x = s.input(0)
  s.node.input.forEach((_, i) => {
    s.broadcast(s.input(i), x)
  })
  s.broadcast(x, s.output(0))
  if (s.node.output[3]) s.broadcast(x, s.output(3))
  s.count([x.at(-1)])
}

/** com.microsoft: ids, segments, tables of tokens, places and segments [rows, C], scale, shift, mask; outputs y, mask, sum. */
export const embedLayerNormalization: ChannelRule = s => {
  const y = s.output()
  const tables = [s.input(2), s.input(3), s.input(4)]
  for (const table of tables) s.unify(table[1], y[2])
  for (const i of [5, 6]) s.unify(s.input(i)[0], y[2])
  s.broadcast(s.output(2), y)
  s.place([...tables.map(table => table[0]), ...y.slice(0, 2), ...s.input(0), ...s.input(1), ...s.input(7)])
  s.place([...s.input(8), ...s.output(1)])
  s.count([y[2]])
}

/** C = groups × C/groups; scale and shift by group before operator set 21, by channel since. */
export const groupNormalization: ChannelRule = s => {
  const x = s.input(0)
  const channels = x[1]
  const groups = newDim(intAttribute(s.node, 'num_groups', 1))
  if (!channels) return
  const inner = newDim(channels.size / groups.size)
  s.broadcast(x, s.output())
  s.unify(channels, productOf([groups, inner]))
  for (const i of [1, 2]) {
    const dim = s.input(i)[0]
    if (dim) s.unify(dim, dim.size === channels.size ? channels : groups)
  }
  s.count([inner, ...x.slice(2)])
  s.edit((node, slicing) => {
    if (slicing.changed(groups)) setAttribute(node, 'num_groups', BigInt(slicing.size(groups)))
  })
}

/** Statistics over the listed axes; neighbours along the channels for LRN. */
export function statistics(axes: (s: Site) => readonly (Dim | undefined)[]): ChannelRule {
  return s => {
    first(s)
    s.count(axes(s))
  }
}

export const meanVariance = statistics(s =>
  (intsAttribute(s.node, 'axes') ?? [0, 2, 3]).map(axis => s.input(0)[axis]),
)
export const lrn = statistics(s => [s.input(0)[1]])
