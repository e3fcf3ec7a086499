/**
 * Students made from their teacher: the same network with fewer channels, fewer blocks, or both, found by analysis of
 * the graph (main/structure). Weights are the teacher's, the strongest channels of them (as in "Structurally Prune
 * Anything", arXiv 2403.18955; blocks kept evenly as in DistilBERT, arXiv 1910.01108), or random as a control.
 */
import type { Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { makeFeeds } from '../measure/inputs'
import { inferWithShapes } from '../onnx/infer'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { counted } from '../onnx/passes/pass'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import { dropBlocks, evenly, findStages } from '../structure/blocks'
import { declinedNotes } from '../structure/declined'
import { type ChannelGroup, findStructure, type Structure } from '../structure/groups'
import { type ModelCost, modelCosts } from '../structure/model-cost'
import { sliceGroups } from '../structure/slice'
import { randomWeights } from './student-init'
import { checkStudentShape, formatStudentShape, type StudentShape } from './student-shape'
import { narrowings } from './student-widths'

export interface StudentOptions {
  /** Where the weights come from. */
  init: 'teacher' | 'random'
  /** Of the random weights. */
  seed: number
}

/** What a student has less than its teacher; plain data. */
export interface StudentChanges {
  /** Groups of channels narrowed, in the order of the graph; `kept` are the teacher's channels. */
  widths: { group: string; from: number; to: number; kept: number[]; producers: readonly string[] }[]
  /** Stages of repeated blocks, each block named by the node that makes its result. */
  stages: { from: number; to: number; removed: string[] }[]
}

export interface Student {
  model: Model
  notes: Note[]
  changes: StudentChanges
}

/**
 * Makes a student with the inputs and outputs of its teacher, which is not changed. The same teacher, shape and options
 * give the same student. Its shapes are checked at two sizes, and it is run once, before it is returned.
 *
 * Throws `bad-option` for a shape out of range, and `unsupported`, saying what was declined and why, when nothing of
 * the teacher can be reduced as asked.
 */
export async function makeStudent(teacher: Model, shape: StudentShape, o: StudentOptions): Promise<Student> {
  const made = await reduce(teacher, shape)
  const model = o.init === 'random' ? randomWeights(made.model, o.seed) : made.model
  await check(teacher, model, made.structure)
  return { model, notes: made.notes, changes: made.changes }
}

export interface StudentPreview {
  teacher: ModelCost
  student: ModelCost
  notes: Note[]
  changes: StudentChanges
}

/** What a student would be, without running anything. Throws as `makeStudent`. */
export async function studentPreview(teacher: Model, shape: StudentShape): Promise<StudentPreview> {
  const { model, notes, changes } = await reduce(teacher, shape)
  const [before, after] = await modelCosts([teacher, model])
  if (!before || !after) throw new BantamError('internal', 'Nothing was counted.')
  return { teacher: before, student: after, notes, changes }
}

async function reduce(teacher: Model, shape: StudentShape) {
  checkStudentShape(shape)
  let structure = await findStructure(teacher)
  let { model } = structure
  const notes: Note[] = []
  const changes: StudentChanges = { widths: [], stages: [] }
  if (shape.depth !== undefined) {
    const shorter = await shorten(structure, shape.depth)
    changes.stages = shorter.stages
    if (shorter.stages.length > 0) {
      model = shorter.model
      if (shape.slim !== undefined) structure = { ...(await findStructure(model)), sized: structure.sized }
      notes.push(summary('fewer-blocks', shortened(shorter.stages)))
    } else {
      if (shape.slim === undefined) throw noBlocks(shape.depth, shorter.longest)
      notes.push(summary('no-blocks', noBlocksText(shape.depth, shorter.longest)))
    }
  }
  if (shape.slim !== undefined) {
    const narrow = narrowings(structure, shape.slim)
    if (narrow.length === 0 && changes.stages.length === 0) throw noChannels(structure, shape)
    model = sliceGroups(structure, new Map(narrow.map(({ group, keep }) => [group.id, keep])))
    changes.widths = narrow.map(({ group, keep }) => ({
      group: group.id,
      from: group.size,
      to: keep.length,
      kept: [...keep],
      producers: group.producers,
    }))
    notes.push(
      summary('fewer-channels', `${counted(narrow.length, 'group')} of channels became narrower.`),
      ...declinedNotes(structure.groups, 'not-slimmed'),
    )
  }
  return { model, notes, changes, structure }
}

async function shorten(structure: Structure, depth: number) {
  const stages = findStages(structure).map(({ blocks }) => {
    const kept = new Set(evenly(blocks.length, depth))
    const removed = blocks.filter((block, i) => !kept.has(i) && block.removable)
    return { total: blocks.length, removed }
  })
  const shortened = stages.filter(stage => stage.removed.length > 0)
  return {
    longest: Math.max(0, ...stages.map(stage => stage.total)),
    model: await dropBlocks(
      structure.model,
      shortened.flatMap(stage => stage.removed),
    ),
    stages: shortened.map(({ total, removed }) => ({
      from: total,
      to: total - removed.length,
      removed: removed.map(block => block.node),
    })),
  }
}

function summary(code: string, message: string): Note {
  return { code, severity: 'info', message }
}

function shortened(stages: StudentChanges['stages']): string {
  const list = stages.map(({ from, to }) => `${to} of ${from}`).join(', ')
  return `Repeated blocks that stay, by stage: ${list}.`
}

function noBlocksText(depth: number, longest: number): string {
  return longest === 0
    ? 'The network has no blocks that repeat one after the other with the same shapes.'
    : `No stage has more than ${counted(depth, 'repeated block')}: the longest has ${longest}.`
}

function noBlocks(depth: number, longest: number): BantamError {
  const action = longest > 1 ? `Choose a depth below ${longest}, or slim.` : 'Choose slim.'
  return new BantamError('unsupported', noBlocksText(depth, longest), { where: `depth:${depth}`, action })
}

function noChannels({ groups }: Structure, shape: StudentShape): BantamError {
  const free = groups.filter(group => group.declined.length === 0)
  const where = formatStudentShape(shape)
  if (free.length > 0)
    return new BantamError('unsupported', 'Every group of channels is too narrow for that share.', {
      where,
      action: 'Choose a smaller share.',
    })
  const reasons = [
    ...new Set(groups.flatMap(({ id, declined }) => declined.slice(0, 1).map(r => `${id}: ${why(r)}`))),
  ]
  const list = reasons.slice(0, 5).join(' ')
  const more = reasons.length > 5 ? ` And ${reasons.length - 5} more.` : ''
  const message =
    groups.length === 0
      ? 'The network has no weights outside of subgraphs, so that no channels were found.'
      : `No channels of the network can be dropped. ${list}${more}`
  return new BantamError('unsupported', message, { where, action: 'Choose depth, or a student of your own.' })
}

function why({ message, node }: ChannelGroup['declined'][number]): string {
  return node ? `${message.replace(/\.$/, '')} (${node}).` : message
}

/**
 * In stock ONNX Runtime: the output shapes of the teacher at both sizes, as inferred or, where that says nothing, as
 * run, and one run that ends. What the teacher does not take either the student need not.
 */
async function check(teacher: Model, student: Model, { sized }: Structure): Promise<void> {
  for (const [i, dims] of [sized.dims, sized.other].entries()) {
    const sizes = inputSizes(teacher, dims)
    const types = await inferWithShapes(student, sizes)
    const inferred = teacher.graph.outputNames.every(name => {
      const before = dims.get(name)
      return types && (!before || String(before) === String(types.get(name)?.shape))
    })
    if (inferred && i > 0) continue
    const after = await outputDims(student, sizes)
    if (inferred && typeof after !== 'string') continue
    const before = await outputDims(teacher, sizes)
    if (typeof before === 'string') continue
    if (typeof after === 'string') throw broken(after)
    const other = [...before].find(([name, shape]) => after.get(name) !== shape)
    if (other) throw broken(`its output ${other[0]} is [${after.get(other[0])}], the teacher's [${other[1]}]`)
  }
}

function broken(what: string): BantamError {
  return new BantamError('internal', `The student does not work: ${what.replace(/\.$/, '')}.`, {
    action: 'Report this with the model.',
  })
}

function inputSizes(teacher: Model, dims: ReadonlyMap<string, readonly number[]>) {
  return new Map(
    modelInputs(teacher).flatMap(({ name }) => (dims.has(name) ? [[name, dims.get(name) ?? []]] : [])),
  )
}

/** The shapes of the outputs of a run on made-up values, or what ONNX Runtime said. */
async function outputDims(
  model: Model,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<Map<string, string> | string> {
  try {
    const session = await openSession(serialize(model), { threads: 1 }, model.directory ?? undefined)
    try {
      const inputs = session.inputs.map(input => ({
        ...input,
        shape: [...(shapes.get(input.name) ?? input.shape)],
      }))
      const outputs = await session.run(makeFeeds(inputs, 1))
      return new Map(Object.entries(outputs).map(([name, { dims }]) => [name, String(dims)]))
    } finally {
      await session.close()
    }
  } catch (error) {
    if (error instanceof BantamError) return error.message
    throw error
  }
}
