/** From a net, an objective and samples to a trained net: opens what the loop needs, runs it, writes the weights back. */
import { createHash } from 'node:crypto'
import type { Device } from '../../shared/domain'
import type { CommonOptions, TrainingRecord } from '../../shared/training'
import { type TaskContext, within } from '../jobs/context'
import { fixedBatch } from '../measure/inputs'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { tensorDims } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { elementCount, joined, type Tensor } from '../runtime/tensor'
import type { SampleSet } from '../technique'
import { makeAugmenter } from './augment'
import { openOn } from './device'
import { type Division, divide } from './division'
import { type TrainingRun, trainLoop } from './loop'
import { METRIC_INFO, type MetricKind, MetricSum } from './metric'
import { withWeights } from './net'
import type { Objective } from './objective'
import { openSamples, type Samples } from './samples'
import { keepTargets, openTeachers, type TeacherValues } from './teacher'

export interface LearnRequest {
  technique: string
  /** As `trainableNet` gives it. */
  net: Model
  /** Value of the net that metrics are taken of. */
  logits: string
  metric: MetricKind
  objective: Objective
  /** Weights to train, projectors included. */
  wrt: readonly string[]
  options: CommonOptions
  learningRate: number
  seed: number
  threads: number
  device: Device
  training: SampleSet
  /** Those that `objective.targets` refer to; the first is the one that metrics compare with, by its value `logits`. */
  teachers: readonly { model: Model; logits: string }[]
}

/** Trains. Throws what opening, reading and the loop throw. */
export async function learn(
  request: LearnRequest,
  context: TaskContext,
): Promise<{ model: Model; record: TrainingRecord }> {
  const { net, options, seed, training, objective } = request
  const { dataset, indices } = training
  const division = divide(training, options, seed, fixedBatch(modelInputs(net)))
  const augmenter = makeAugmenter(options.augment, dataset.summary.inputs)
  const samples = await openSamples(dataset, indices, within(context, 0, 0.02))
  const record = emptyRecord(request, division)
  let teachers: TeacherValues | undefined
  try {
    const answers = await askTeacher(request, division, samples, record, within(context, 0.02, 0.04))
    if (objective.targets.length > 0) {
      const models = request.teachers.map(t => t.model)
      const live = await openOn(request.device, 'The teacher', record.notes, device =>
        openTeachers(models, objective.targets, { ...request, device }),
      )
      teachers = live
      const varies = augmenter !== null || options.mixup > 0
      if (!varies) {
        const each = within(context, 0.04, 0.1)
        teachers = await keepTargets(live, samples, division.train, division.batch, each)
      }
    }
    const run: TrainingRun = {
      ...request,
      options: { ...options, batch: division.batch, accumulate: division.accumulate },
      peakRate: request.learningRate,
      dataset,
      samples,
      train: division.train,
      validation: division.validation,
      augmenter,
      teachers,
      answers,
      record,
      identity: identityOf(request),
    }
    const trained = await trainLoop(run, within(context, teachers ? 0.1 : 0.04, 1))
    return { model: withWeights(net, trained.values), record: trained.record }
  } finally {
    await teachers?.close()
  }
}

function emptyRecord(request: LearnRequest, division: Division): TrainingRecord {
  const { net, objective, wrt, options, metric } = request
  const sizes = wrt
    .filter(name => !objective.projectors.includes(name))
    .flatMap(name => net.graph.initializer(name) ?? [])
    .map(tensor => elementCount(tensorDims(tensor)))
  return {
    technique: request.technique,
    parts: objective.parts.map(p => p.title),
    metric: METRIC_INFO[metric],
    teacher: null,
    totalEpochs: options.epochs,
    stepsPerEpoch: division.stepsPerEpoch,
    samples: { train: division.train.length, validation: division.validation.length },
    trainableParameters: sizes.reduce((sum, n) => sum + n, 0),
    points: [],
    epochs: [],
    best: null,
    samplesPerSecond: 0,
    device: request.device,
    ended: null,
    notes: divisionNotes(options, division),
  }
}

/** What became of the division that was asked for. */
function divisionNotes(options: CommonOptions, { train, validation, batch }: Division): string[] {
  const notes: string[] = []
  if (options.validation > 0 && validation.length === 0)
    notes.push('There are too few samples to hold any out: the last epoch is kept.')
  if (batch !== Math.min(options.batch, train.length))
    notes.push(
      `The model takes ${batch} samples at a time: batches are of that size, not of ${options.batch}. More batches per step (accumulate) make up for it, or a model with a free batch.`,
    )
  return notes
}

/**
 * Measures the first teacher on the held-out samples, for `record.teacher`. Returns its answers to them where the
 * metric compares with those.
 */
async function askTeacher(
  request: LearnRequest,
  { validation, batch }: Division,
  samples: Samples,
  record: TrainingRecord,
  context: TaskContext,
): Promise<TrainingRun['answers']> {
  const [teacher] = request.teachers
  if (!teacher || validation.length === 0) return undefined
  const wanted = [{ input: 'logits', teacher: 0, value: teacher.logits }]
  const live = await openOn(request.device, 'The teacher', record.notes, device =>
    openTeachers([teacher.model], wanted, { ...request, device }),
  )
  const compares = request.metric === 'agreement' || request.metric === 'distance'
  const kept = new Map<number, Float32Array>()
  try {
    const sum = new MetricSum(request.metric)
    for (let from = 0; from < validation.length; from += batch) {
      context.progress(from / validation.length, 'Measuring the teacher')
      const part = validation.slice(from, from + batch)
      const { feeds, labels } = await samples.batch(part)
      const { logits } = await live.targets(feeds, part)
      if (!logits) continue
      if (!compares && labels) sum.add(logits, labels)
      if (compares) keepRows(kept, part, logits)
    }
    if (!compares) record.teacher = sum.result().metric
  } finally {
    await live.close()
  }
  if (!compares) return undefined
  return async part => joined(Array.from(part, index => kept.get(index) ?? new Float32Array()))
}

function keepRows(kept: Map<number, Float32Array>, part: Uint32Array, logits: Tensor): void {
  const length = logits.data.length / part.length
  part.forEach((index, row) => {
    kept.set(index, (logits.data as Float32Array).slice(row * length, (row + 1) * length)) // answers are float32
  })
}

/** Everything that decides how the run goes. */
function identityOf(r: LearnRequest): string {
  const hash = createHash('sha256')
  const { technique, options, learningRate, seed, threads, device, objective, training } = r
  const told = { technique, options, learningRate, seed, threads, device, parts: objective.parts }
  hash.update(JSON.stringify([told, training.dataset.summary.hash, r.wrt]))
  hash.update(new Uint8Array(training.indices.slice().buffer))
  for (const model of [r.net, objective.model, ...r.teachers.map(t => t.model)]) hash.update(serialize(model))
  return hash.digest('hex')
}
