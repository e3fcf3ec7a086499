/**
 * Makes a Split of a SplitToSequence whose parts are only taken out one by one: values in sequences have no known type
 * or shape, and nothing behind them would be quantized or pruned (PyTorch's unoptimized exports split so).
 */
import type { NodeProto } from 'onnx-buf'
import { intAttribute, makeNode } from '../build'
import { copyModel } from '../copy'
import { inferTypes, type Types } from '../infer'
import type { Model } from '../model'
import { makeTensor } from '../tensor'
import { constantValues, counted, done, type Pass, type PassResult } from './pass'

/** Split takes its sizes as an input since. */
const OPSET_OF_SIZES = 13

export const resolveSequences: Pass = { id: 'resolve-sequences', run: resolve }

async function resolve(source: Model): Promise<PassResult> {
  const isSplit = (node: NodeProto) => node.domain === '' && node.opType === 'SplitToSequence'
  if (source.opset() < OPSET_OF_SIZES || !source.graph.nodes.some(isSplit)) {
    return { model: source, modified: false, notes: [] }
  }
  const types = await inferTypes(source)
  const model = copyModel(source)
  const resolved = model.graph.nodes.filter(isSplit).filter(node => resolveOne(model, node, types)).length
  if (resolved === 0) return { model: source, modified: false, notes: [] }
  const notes = [done('resolved-sequences', `${counted(resolved, 'sequence')} of parts became a Split.`)]
  return { model, modified: true, notes }
}

function resolveOne(model: Model, node: NodeProto, types: Types): boolean {
  const { graph } = model
  const sequence = node.output[0] ?? ''
  const sizes = partSizes(model, node, types)
  if (!sizes || graph.isOutput(sequence)) return false
  const taken = graph.uses(sequence).map(({ node: reader }) => ({
    reader,
    at: reader.opType === 'SequenceAt' ? position(model, reader, sizes.length) : null,
  }))
  if (taken.length === 0 || taken.some(({ at, reader }) => at === null || reader.input.length !== 2)) {
    return false
  }
  // A part that is taken twice has two names, of which a graph output must keep its own.
  const names = sizes.map((_, i) => taken.filter(({ at }) => at === i).map(t => t.reader.output[0] ?? ''))
  if (names.some(group => group.length > 1 && group.some(name => graph.isOutput(name)))) return false
  const next = graph.nodes[graph.nodes.indexOf(node) + 1]
  const before = next && taken.some(({ reader }) => reader === next) ? undefined : next
  graph.remove([node, ...taken.map(({ reader }) => reader)])
  const outputs = names.map(([first], i) => first ?? graph.freshName(`${sequence}_${i}`))
  const split = graph.freshName(`${sequence}_sizes`)
  graph.setInitializer(makeTensor(split, 'int64', [sizes.length], sizes.map(BigInt)))
  const axis = BigInt(intAttribute(node, 'axis', 0))
  graph.add(makeNode('Split', [node.input[0] ?? '', split], outputs, { axis }, { name: node.name }), before)
  for (const [first = '', ...others] of names) for (const name of others) graph.replaceUses(name, first)
  graph.sort()
  return true
}

/** Sizes of the parts along the axis; undefined where they are not known, or the axis itself goes. */
function partSizes(model: Model, node: NodeProto, types: Types): number[] | undefined {
  const split = constantValues(model, node.input[1])
  if (!split || Array.isArray(split.data)) return undefined
  const sizes = Array.from(split.data as Iterable<number | bigint>, Number)
  if (split.dims.length === 1) return sizes
  const shape = types.get(node.input[0] ?? '')?.shape ?? []
  const axis = intAttribute(node, 'axis', 0)
  const whole = shape[axis < 0 ? axis + shape.length : axis]
  const [size = 0] = sizes
  if (typeof whole !== 'number' || whole <= 0 || size <= 0) return undefined
  return Array.from({ length: Math.ceil(whole / size) }, (_, i) => Math.min(size, whole - i * size))
}

/** The constant place a SequenceAt takes; null where it is computed or beyond the parts. */
function position(model: Model, node: NodeProto, count: number): number | null {
  const [at] = constantValues(model, node.input[1])?.data ?? []
  if (at === undefined) return null
  const place = Number(at) < 0 ? Number(at) + count : Number(at)
  return place >= 0 && place < count ? place : null
}
