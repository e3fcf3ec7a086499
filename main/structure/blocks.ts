/**
 * Repeated blocks: stretches of the stream (dominators.ts) that compute the same with other weights (fingerprint.ts),
 * one after the other, from a value to one of the same shape. Each may be taken out: what read its result then reads
 * what it was given. A stage is a run of them; it may begin with a block like them that also changes the shape, as the
 * stages of a ResNet do, which counts but stays.
 */

import { copyModel } from '../onnx/copy'
import { describeNode } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { removeDead } from '../onnx/passes/remove-dead'
import { longestStream } from './dominators'
import { Fingerprints, type Piece } from './fingerprint'
import type { Structure } from './groups'

export interface Block {
  /** The value it reads from the stream, and the one it gives back. */
  input: string
  output: string
  /** The node that makes its result. */
  node: string
  removable: boolean
}

export interface Stage {
  /** In order; two or more. */
  blocks: Block[]
}

/** Longest block looked for, in steps of the stream. */
const LONGEST = 64

interface Stream {
  values: string[]
  nodes: string[]
  shapes: string[]
  /** pieces[i] lies between values i and i + 1. */
  pieces: Piece[]
}

/** Finds the stages of a model, in the order of its stream. */
export function findStages(structure: Structure): Stage[] {
  const stream = streamOf(structure)
  const stages: Stage[] = []
  for (let at = 0; at < stream.pieces.length; ) {
    const run = runAt(stream, at)
    if (!run) {
      at++
      continue
    }
    const stage = stageOf(structure, stream, at, run)
    if (stage.blocks.length > 1) stages.push(stage)
    at += run.period * run.count
  }
  return stages
}

function streamOf(structure: Structure): Stream {
  const { graph } = structure.model
  const nodes = longestStream(graph).filter(node => {
    const read = node.output.filter(name => graph.uses(name).length > 0 || graph.isOutput(name))
    return read.length === 1
  })
  const values = nodes.map(
    node => node.output.find(name => graph.uses(name).length > 0 || graph.isOutput(name)) ?? '',
  )
  const prints = new Fingerprints(structure)
  return {
    values,
    nodes: nodes.map(describeNode),
    shapes: values.map(name => prints.shape(name)),
    pieces: values.slice(1).map((to, i) => prints.between(values[i] ?? '', to)),
  }
}

interface Run {
  period: number
  count: number
}

/** The run that covers most from there on, of the shortest blocks; undefined when nothing there is one. */
function runAt(stream: Stream, at: number): Run | undefined {
  let best: Run | undefined
  for (let period = 1; period <= LONGEST && at + period <= stream.pieces.length; period++) {
    if (stream.shapes[at] !== stream.shapes[at + period]) continue
    if (!stream.pieces.slice(at, at + period).some(piece => piece.weights > 0)) continue
    let count = 1
    while (sameBlock(stream, at, at + count * period, period)) count++
    const single = count === 1 && !entryBefore(stream, at, period)
    if (!single && (!best || count * period > best.count * best.period)) best = { period, count }
  }
  // A run that begins a little later may cover more: a step before it must not take its first block apart.
  if (best && best.count > 1) {
    const next = at + 1 < stream.pieces.length && stream.shapes[at] === stream.shapes[at + 1]
    const later = next ? countAt(stream, at + 1, best.period) : 0
    if (later > best.count) return undefined
  }
  return best
}

function countAt(stream: Stream, at: number, period: number): number {
  let count = 1
  while (sameBlock(stream, at, at + count * period, period)) count++
  return count
}

function sameBlock(stream: Stream, a: number, b: number, period: number): boolean {
  if (b + period > stream.pieces.length || stream.shapes[b + period] !== stream.shapes[a]) return false
  for (let i = 0; i < period; i++)
    if (stream.pieces[a + i]?.fingerprint !== stream.pieces[b + i]?.fingerprint) return false
  return true
}

/** Operators by which a block that changes the shape may differ: a projection of what it skips, and its norm. */
const MORE = 3

/** Whether the block before is one of the kind that also changes the shape. */
function entryBefore(stream: Stream, at: number, period: number): boolean {
  if (at < period || stream.shapes[at - period] === stream.shapes[at]) return false
  const operators = (from: number) =>
    stream.pieces.slice(from, from + period).flatMap(piece => piece.operators)
  const [rest, own] = [operators(at - period), operators(at)]
  for (const operator of own) {
    const found = rest.indexOf(operator)
    if (found < 0) return false
    rest.splice(found, 1)
  }
  return own.length > 2 && rest.length > 0 && rest.length <= MORE
}

function stageOf(structure: Structure, stream: Stream, at: number, { period, count }: Run): Stage {
  const { graph } = structure.model
  const starts = Array.from({ length: count }, (_, i) => at + i * period)
  const entry = entryBefore(stream, at, period)
  if (entry) starts.unshift(at - period)
  const blocks = starts.map((start, i) => {
    const input = stream.values[start] ?? ''
    const output = stream.values[start + period] ?? ''
    const free = !graph.isOutput(output) && graph.uses(output).every(use => use.index >= 0)
    return {
      input,
      output,
      node: stream.nodes[start + period] ?? '',
      removable: free && !(entry && i === 0),
    }
  })
  return { blocks }
}

/** The places of `count` of `total` blocks, as evenly spaced as can be, the first and the last among them. */
export function evenly(total: number, count: number): number[] {
  const kept = Math.min(total, count)
  if (kept === 1) return [0]
  return Array.from({ length: kept }, (_, i) => Math.round((i * (total - 1)) / (kept - 1)))
}

/** The model without those blocks; what read their results reads what they were given. */
export async function dropBlocks(source: Model, blocks: readonly Block[]): Promise<Model> {
  const model = copyModel(source)
  // From the last on: the input of a block may be the result of one that goes as well.
  for (const { input, output } of [...blocks].reverse()) model.graph.replaceUses(output, input)
  model.graph.proto.valueInfo = []
  return (await removeDead.run(model)).model
}
