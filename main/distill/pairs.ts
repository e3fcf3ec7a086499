/** Pairs of tensors of a teacher and a student that a feature loss may well bring together. */
import type { SuggestedPair } from '../../shared/training'
import { type Feeds, fixedBatch } from '../measure/inputs'
import { makeNode, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { removeDead } from '../onnx/passes/remove-dead'
import { serialize } from '../onnx/write'
import { Builder, type Value } from '../operators/builder'
import { openSession, type Session } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { mismatch } from './losses/add'
import { matchInOrder, spread } from './pairs-match'
import { Alignment, centredGram, LEAST_SAMPLES } from './similarity'
import { type FeatureKind, type FeatureTensor, featureTensors } from './tensors'

export interface PairRequest {
  teacher: Model
  student: Model
  /** The same samples for both, a batch each; some hundred samples in batches of 64 serve. None: by shape and place. */
  batches: readonly Feeds[]
  threads: number
  /** Pairs of each kind at most; 8 when absent. */
  limit?: number
}

/** A suggested pair; `similarity` is null where there were no batches of four samples or more to tell it from. */
export type PairSuggestion = Omit<SuggestedPair, 'similarity'> & { similarity: number | null }

/** Tensors of one model that are compared, evenly spread over its depth. */
const MOST_TENSORS = 96
/** What a pair loses when its places in the two nets lie as far apart as can be. */
const PLACE = 0.2
/** One kind of each: attention and the relations compare the same tensors as a hint, as a person may choose. */
const KINDS: readonly FeatureKind[] = ['hint', 'attention-matrix', 'value-relation']

/**
 * Suggests pairs by shape and by linear CKA, the most alike first. Each tensor is in one pair of a kind at most; pairs
 * keep the order of both nets and are spread over their depth. Memory stays small: every value becomes its Gram matrix
 * inside ONNX Runtime, and only those are read, so that not even large features need a projection. Throws
 * `unsupported` when the shapes inside a model cannot be inferred, and what running them throws.
 */
export async function suggestPairs(request: PairRequest): Promise<PairSuggestion[]> {
  const { limit = 8 } = request
  const [teacher, student] = await Promise.all([request.teacher, request.student].map(candidates))
  if (!teacher || !student) return []
  const alignment = await align(request, teacher, student)
  const pairs = KINDS.flatMap(kind => {
    const [ts, ss] = [teacher, student].map(list =>
      [...list.keys()].filter(i => list[i]?.losses.includes(kind)),
    )
    return spread(pairsOf(kind, pick(teacher, ts), pick(student, ss), alignment), limit)
  })
  return pairs.sort((a, b) => (b.similarity ?? 0) - (a.similarity ?? 0))
}

async function candidates(model: Model): Promise<FeatureTensor[]> {
  const tensors = await featureTensors(model)
  return spread(
    tensors.filter(tensor => !tensor.passing),
    MOST_TENSORS,
  )
}

type Indexed = { tensor: FeatureTensor; index: number }

function pick(list: readonly FeatureTensor[], indices: readonly number[] = []): Indexed[] {
  return indices.flatMap(index => {
    const tensor = list[index]
    return tensor ? [{ tensor, index }] : []
  })
}

function pairsOf(
  kind: FeatureKind,
  teacher: readonly Indexed[],
  student: readonly Indexed[],
  alignment: Alignment | undefined,
): PairSuggestion[] {
  const similar = (t: Indexed, s: Indexed) => (alignment ? alignment.cka(t.index, s.index) : null)
  const score = (i: number, j: number): number | undefined => {
    const [t, s] = [teacher[i], student[j]]
    if (!t || !s || t.tensor.layout !== s.tensor.layout) return undefined
    if (mismatch(kind, s.tensor.shape, t.tensor.shape, s.tensor.layout) !== undefined) return undefined
    const value = (similar(t, s) ?? 1) - PLACE * Math.abs(t.tensor.depth - s.tensor.depth)
    return value > 0 ? value : undefined
  }
  return matchInOrder(teacher.length, student.length, score).flatMap(([i, j]) => {
    const [t, s] = [teacher[i], student[j]]
    if (!t || !s) return []
    const projector = kind === 'hint' && width(t.tensor) !== width(s.tensor)
    return { kind, teacher: t.tensor.name, student: s.tensor.name, similarity: similar(t, s), projector }
  })
}

function width({ shape, layout }: FeatureTensor) {
  return layout === 'map' ? shape[1] : shape.at(-1)
}

/** Runs both models over the batches; undefined when none has enough samples. */
async function align(
  { teacher, student, batches, threads }: PairRequest,
  teacherTensors: readonly FeatureTensor[],
  studentTensors: readonly FeatureTensor[],
): Promise<Alignment | undefined> {
  const fixed = [teacher, student].map(model => fixedBatch(modelInputs(model))).find(own => own !== null)
  const usable = batches
    .flatMap(feeds => (fixed ? pieces(feeds, fixed) : [feeds]))
    .filter(feeds => samplesIn(feeds) >= LEAST_SAMPLES)
  if (usable.length === 0 || teacherTensors.length === 0 || studentTensors.length === 0) return undefined
  const sessions: Session[] = []
  try {
    for (const [model, tensors] of [
      [teacher, teacherTensors],
      [student, studentTensors],
    ] as const)
      sessions.push(await openGrams(model, tensors, threads))
    const alignment = new Alignment(teacherTensors.length, studentTensors.length)
    for (const feeds of usable) {
      const [t, s] = [await grams(sessions[0], feeds), await grams(sessions[1], feeds)]
      alignment.add(t, s)
    }
    return alignment
  } finally {
    await Promise.all(sessions.map(session => session.close()))
  }
}

function samplesIn(feeds: Feeds): number {
  return Math.min(...Object.values(feeds).map(tensor => tensor.dims[0] ?? 1))
}

/** A batch in pieces of so many samples, the rest left out, for models that take no other number. */
function pieces(feeds: Feeds, size: number): Feeds[] {
  const count = samplesIn(feeds)
  return Array.from({ length: Math.floor(count / size) }, (_, i) =>
    Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [
        name,
        tensor.dims[0] === count ? part(tensor, i * size, size) : tensor,
      ]),
    ),
  )
}

function part(tensor: Tensor, from: number, count: number): Tensor {
  const length = tensor.data.length / (tensor.dims[0] ?? 1)
  const data = tensor.data.slice(from * length, (from + count) * length)
  return { type: tensor.type, dims: [count, ...tensor.dims.slice(1)], data }
}

const gramName = (index: number) => `bantam/gram/${index}`

/** The model with the Gram matrix of each tensor as its outputs, in their order. */
async function openGrams(model: Model, tensors: readonly FeatureTensor[], threads: number): Promise<Session> {
  const copy = copyModel(model)
  const m = new Builder(copy.graph, copy.opset(), 'pairs')
  copy.graph.proto.output = tensors.map((tensor, i) => {
    const name = copy.graph.freshName(gramName(i))
    const gram = gramOf(m, { name: tensor.probabilities ?? tensor.name, type: '', shape: tensor.shape })
    copy.graph.add(makeNode('Identity', [gram.name], [name]))
    return makeValue(name, 'float32', null)
  })
  const { model: live } = await removeDead.run(copy)
  return openSession(serialize(live), { threads }, model.directory ?? undefined)
}

/** (x − mean)·(x − mean)ᵀ of the flattened samples; centred here, so that no digits are lost to the mean. */
function gramOf(m: Builder, value: Value): Value {
  const x = m.cast(value, 'float32')
  const rows = m.emit('Flatten', [x], [x.shape[0] ?? '', ''], { attributes: { axis: 1n } })
  const centred = m.sub(rows, m.reduce('ReduceMean', rows, [0]))
  return m.matmul(centred, m.transposed(centred))
}

async function grams(session: Session | undefined, feeds: Feeds): Promise<(Float64Array | undefined)[]> {
  if (!session) return []
  const out = await session.run(feeds)
  return session.outputs.map(({ name }) => {
    const gram = out[name]
    return gram && centredGram(toNumbers(gram), gram.dims[0] ?? 0)
  })
}
