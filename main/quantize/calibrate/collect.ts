/**
 * Ranges and histograms of activations over samples, in constant memory.
 *
 * First pass: ReduceMin, ReduceMax, ReduceSum (for NaN) and Size of every value are computed inside the graph, so only
 * scalars come back.
 * Second pass (histograms): with the ranges known, values are counted into histograms whose bins never move,
 * as many samples and values at a time as fit `FETCH_BYTES`; only the counts are kept. Where all values of all samples
 * fit, the first pass fetches them as well and the model is not run again.
 */
import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import type { TensorInfo } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Dataset } from '../../data/dataset'
import { breathe, type TaskContext, within } from '../../jobs/context'
import { makeNode } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import type { Session } from '../../runtime/session'
import { elementCount } from '../../runtime/tensor'
import type { Range } from '../affine'
import { editableCopy } from '../copy'
import { Histogram } from './histogram'
import { type BatchPlan, batchPlan, cutByBytes, openCalibration, pick, smaller } from './run'
import type { CollectedStatistics, Counted, StatisticsStore, ValueStatistics } from './statistics'

/** Bytes of activations held at a time for the histograms. */
const FETCH_BYTES = 128 * 2 ** 20
/** Bins of histograms that no method asks for. */
export const BINS = 2048

export interface StatisticsRequest {
  model: Model
  /** Float32 values of the main graph to be measured. */
  values: readonly string[]
  /** What is known of their shapes. */
  types?: ReadonlyMap<string, TensorInfo>
  dataset: Dataset
  indices: Uint32Array
  threads: number
  /** Of histograms; 2048 without. */
  bins?: number | undefined
  /** Where statistics are kept between runs. */
  statistics?: StatisticsStore | undefined
}

/**
 * Measures, and counts what is asked for. Throws `bad-data` when there are no samples, fewer than the model's fixed
 * batch, or a value that is not finite; and what running the model throws.
 */
export async function collect(
  request: StatisticsRequest,
  counted: readonly Counted[],
  context: TaskContext,
): Promise<CollectedStatistics> {
  const { values } = request
  const counts = counted.length > 0
  const kept: Kept | undefined = counts && allFit(request) ? new Map() : undefined
  const share = counts && !kept ? 0.4 : 1
  const wanted = kept ? 'both' : 'scalars'
  const { plan, extremes } = await withSession(request, wanted, context, async session => {
    const plan = batchPlan(session, request.indices)
    return { plan, extremes: await extremesPass(session, request, plan, kept, within(context, 0, share)) }
  })
  const histograms = emptyHistograms(values, extremes, counted, request.bins ?? BINS)
  if (kept) {
    for (const [name, list] of histograms) {
      for (const data of kept.get(name) ?? []) for (const histogram of list) histogram.add(data)
      await breathe(context)
    }
  } else if (counts) {
    await withSession(request, 'values', context, session =>
      histogramPass(session, request, plan, extremes, histograms, within(context, share, 1)),
    )
  }
  const collected = values.map((name): [string, ValueStatistics] => {
    const { range, perSample } = extremes.get(name) as Extremes
    const list = histograms.get(name) ?? []
    const own = Object.fromEntries(list.map((histogram, i) => [counted[i] as Counted, histogram]))
    return [name, { range, perSample, histograms: own }]
  })
  const samples = plan.batches.reduce((sum, batch) => sum + batch.length, 0)
  return { samples, values: new Map(collected), notes: plan.notes }
}

type Wanted = 'scalars' | 'values' | 'both'
/** The values themselves, run by run. */
type Kept = Map<string, Float32Array[]>

/**
 * Whether the values of all samples together fit `FETCH_BYTES`. A free first axis counts samples, a fixed one may be as
 * long for every sample. False where a shape is not known.
 */
function allFit({ values, types, indices }: StatisticsRequest): boolean {
  const counts = values.map(name => {
    const [first, ...rest] = types?.get(name)?.shape ?? []
    const known = first !== undefined && rest.every(d => typeof d === 'number' && d >= 0)
    if (!known) return Number.POSITIVE_INFINITY
    return (typeof first === 'number' ? first : 1) * elementCount(rest.map(Number))
  })
  return 4 * indices.length * counts.reduce((sum, count) => sum + count, 0) <= FETCH_BYTES
}

async function withSession<T>(
  request: StatisticsRequest,
  wanted: Wanted,
  context: TaskContext,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openAugmented(request, wanted, context)
  try {
    return await use(session)
  } finally {
    await session.close()
  }
}

interface Extremes {
  range: Range
  /** Elements for one sample, at most. */
  perSample: number
}

const suffixes = {
  min: '__bantam_min',
  max: '__bantam_max',
  sum: '__bantam_sum',
  size: '__bantam_size',
}

/** A session over the model with the scalars of every value, or the values themselves, as further outputs. */
async function openAugmented(
  request: StatisticsRequest,
  wanted: Wanted,
  context: TaskContext,
): Promise<Session> {
  const model = editableCopy(request.model)
  const { graph } = model
  const outputs = new Set(graph.outputNames)
  const added: string[] = []
  for (const name of request.values) {
    if (wanted !== 'scalars' && !outputs.has(name) && !graph.isInput(name)) added.push(name)
    if (wanted === 'values') continue
    graph.add(makeNode('ReduceMin', [name], [name + suffixes.min], { keepdims: 0n }))
    graph.add(makeNode('ReduceMax', [name], [name + suffixes.max], { keepdims: 0n }))
    // The extremes pass over NaN, a sum does not.
    graph.add(makeNode('ReduceSum', [name], [name + suffixes.sum], { keepdims: 0n }))
    graph.add(makeNode('Size', [name], [name + suffixes.size]))
    added.push(...Object.values(suffixes).map(suffix => name + suffix))
  }
  graph.proto.output.push(...added.map(name => create(ValueInfoProtoSchema, { name })))
  return openCalibration(model, request.threads, context)
}

async function extremesPass(
  session: Session,
  { values, dataset }: StatisticsRequest,
  plan: BatchPlan,
  kept: Kept | undefined,
  context: TaskContext,
): Promise<Map<string, Extremes>> {
  const extremes = new Map<string, Extremes>()
  const inputs = new Set(session.inputs.map(({ name }) => name))
  const fetches = values.flatMap(name => Object.values(suffixes).map(suffix => name + suffix))
  if (kept) fetches.push(...values.filter(name => !inputs.has(name)))
  for (let done = 0; done < plan.batches.length; done++) {
    await breathe(context)
    const batch = plan.batches[done] as Uint32Array
    const { feeds } = await dataset.batch(batch)
    const results = await session.run(pick(session, feeds), fetches)
    for (const name of values) {
      kept?.set(name, [...(kept.get(name) ?? []), (results[name] ?? feeds[name])?.data as Float32Array])
      const scalar = (suffix: string) => Number(results[name + suffix]?.data[0])
      const size = scalar(suffixes.size)
      if (size === 0) continue
      const range = { min: scalar(suffixes.min), max: scalar(suffixes.max) }
      const finite = Number.isFinite(range.min) && Number.isFinite(range.max)
      if (!finite || Number.isNaN(scalar(suffixes.sum))) throw notFinite(name, batch)
      const known = extremes.get(name)
      extremes.set(name, {
        range: known
          ? { min: Math.min(known.range.min, range.min), max: Math.max(known.range.max, range.max) }
          : range,
        perSample: Math.max(known?.perSample ?? 0, size / batch.length),
      })
    }
    if (done === 0) cutByBytes(plan, 1, 4 * sum(extremes.values(), e => e.perSample))
    context.progress((done + 1) / plan.batches.length, 'Measuring ranges')
  }
  for (const name of values) {
    if (!extremes.has(name)) extremes.set(name, { range: { min: 0, max: 0 }, perSample: 0 })
  }
  return extremes
}

function sum<T>(items: Iterable<T>, of: (item: T) => number): number {
  let total = 0
  for (const item of items) total += of(item)
  return total
}

function notFinite(name: string, batch: Uint32Array): BantamError {
  return new BantamError('bad-data', `The value ${name} is not finite on calibration samples.`, {
    where: `samples ${batch[0]} to ${batch.at(-1)}`,
    action: 'Check these samples and their preprocessing, or exclude the node that makes the value.',
  })
}

/** The histograms that are asked for, of every value that is not zero throughout. */
function emptyHistograms(
  values: readonly string[],
  extremes: Map<string, Extremes>,
  counted: readonly Counted[],
  bins: number,
): Map<string, Histogram[]> {
  const histograms = new Map<string, Histogram[]>()
  if (counted.length === 0) return histograms
  for (const name of values) {
    const { range } = extremes.get(name) as Extremes
    const bound = Math.max(Math.abs(range.min), Math.abs(range.max))
    if (bound === 0) continue
    histograms.set(
      name,
      counted.map(kind => new Histogram(kind === 'magnitudes' ? 0 : -bound, bound, bins, kind)),
    )
  }
  return histograms
}

/** Runs the model again and counts every value. */
async function histogramPass(
  session: Session,
  { dataset }: StatisticsRequest,
  plan: BatchPlan,
  extremes: Map<string, Extremes>,
  histograms: Map<string, Histogram[]>,
  context: TaskContext,
): Promise<void> {
  const perSample = (name: string) => 4 * (extremes.get(name) as Extremes).perSample
  const whole = [...histograms.keys()].reduce((sum, name) => sum + perSample(name), 0)
  const batches = plan.free ? smaller(plan.batches, FETCH_BYTES / Math.max(1, whole)) : plan.batches
  const size = batches[0]?.length ?? 1
  const groups = grouped([...histograms.keys()], name => perSample(name) * size, FETCH_BYTES)
  for (const [done, batch] of batches.entries()) {
    const { feeds } = await dataset.batch(batch)
    const inputs = pick(session, feeds)
    for (const group of groups) {
      await breathe(context)
      const names = group.filter(name => !(name in inputs))
      const results = names.length > 0 ? await session.run(inputs, names) : {}
      for (const name of group) {
        const data = (results[name] ?? inputs[name])?.data as Float32Array // values measured are float32
        for (const histogram of histograms.get(name) ?? []) histogram.add(data)
      }
    }
    context.progress((done + 1) / batches.length, 'Counting values')
  }
}

/** Groups in order whose sizes add up to at most `limit` (a single larger one stands alone). */
function grouped<T>(items: T[], size: (item: T) => number, limit: number): T[][] {
  const groups: T[][] = []
  let room = 0
  for (const item of items) {
    const last = groups.at(-1)
    if (last && size(item) <= room) {
      last.push(item)
      room -= size(item)
    } else {
      groups.push([item])
      room = limit - size(item)
    }
  }
  return groups
}
