/** Sweeps over samples: moments of every site, in the original and in the pruned network as it is corrected. */
import { join } from 'node:path'
import { BantamError } from '../../../shared/errors'
import type { Dataset } from '../../data/dataset'
import { breathe, type TaskContext } from '../../jobs/context'
import { fixedBatch } from '../../measure/inputs'
import type { Model } from '../../onnx/model'
import { isExternal, tensorByteLength } from '../../onnx/tensor'
import { serialize, writeModel } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import { type Tensor, toNumbers } from '../../runtime/tensor'
import type { SampleSet } from '../../technique'
import type { Moments } from './correction'
import { type Corrected, place, SHARE } from './observe'

/** Samples used at most, evenly spaced over those given, and in one run where the model takes any number. */
const SAMPLES = 512
const BATCH = 16
/** Above this many bytes of weights a graph goes through a file. */
const IN_MEMORY_BYTES = 2 ** 30

/** Moments by site, and those of the original for layers, of its channels that are still there. */
export interface Estimate {
  own: Moments[]
  target: (Moments | null)[]
}

/** Opens a model of this folder. */
export async function openStatistics(model: Model, threads: number, context: TaskContext): Promise<Session> {
  // Between runs these threads have nothing to do.
  const options = { threads, config: { 'session.intra_op.allow_spinning': '0' } }
  let bytes = 0
  for (const tensor of model.graph.initializers()) if (!isExternal(tensor)) bytes += tensorByteLength(tensor)
  if (bytes < IN_MEMORY_BYTES) return openSession(serialize(model), options, model.directory ?? undefined)
  const path = join(context.tempDir, 'statistics.onnx')
  await writeModel(model, path)
  return openSession(path, options)
}

/** Cuts samples into runs. Throws `bad-data` without any, or with fewer than a fixed batch takes. */
export function batchesOf(session: Session, { indices }: SampleSet): Uint32Array[] {
  const used = Math.min(indices.length, SAMPLES)
  const chosen = Uint32Array.from(
    { length: used },
    (_, i) => indices[Math.floor((i * indices.length) / used)] ?? 0,
  )
  const own = session.inputs.filter(input => !input.name.startsWith('bantam/statistics/'))
  const fixed = fixedBatch(own)
  const size = fixed !== null && fixed > 0 ? fixed : Math.min(BATCH, used)
  if (used === 0 || used < size) {
    const few = used === 0 ? 'no samples' : `${used} samples, and the model takes ${size} at a time`
    throw new BantamError('bad-data', `Statistics cannot be estimated: there are ${few}.`, {
      where: 'recovery',
      action: 'Give samples, or choose another recovery.',
    })
  }
  const batches: Uint32Array[] = []
  for (let at = 0; at < used; at += size) batches.push(chosen.subarray(at, at + size))
  if (fixed !== null && (batches.at(-1)?.length ?? size) < size) batches.pop()
  return batches
}

/** Mean and variance of batches put together (Chan, Golub and LeVeque 1979). */
class Pool implements Moments {
  readonly mean: Float64Array
  readonly variance: Float64Array

  constructor(channels: number, from?: Moments) {
    this.mean = from?.mean.slice() ?? new Float64Array(channels)
    this.variance = from?.variance.slice() ?? new Float64Array(channels)
  }

  /** Takes in a batch that is the share `w` of all so far; `chosen` of its channels. */
  add(mean: ArrayLike<number>, variance: ArrayLike<number>, w: number, chosen: Uint32Array | null): void {
    for (let i = 0; i < this.mean.length; i++) {
      const at = chosen ? (chosen[i] ?? 0) : i
      const gap = (mean[at] ?? 0) - (this.mean[i] ?? 0)
      this.mean[i] = (this.mean[i] ?? 0) + w * gap
      this.variance[i] = (1 - w) * (this.variance[i] ?? 0) + w * (variance[at] ?? 0) + w * (1 - w) * gap * gap
    }
  }
}

export interface Sweep {
  pruned: Session
  sites: readonly Corrected[]
  batches: readonly Uint32Array[]
  dataset: Dataset
}

/** The original, and which of the channels of each site's value to read. */
export interface Reference {
  session: Session
  chosen: readonly (Uint32Array | null)[]
}

/** The first sweep: both networks side by side, each batch corrected by all samples up to it. */
export async function estimate(sweep: Sweep, reference: Reference, context: TaskContext): Promise<Estimate> {
  const own = sweep.sites.map(site => new Pool(site.channels))
  const target = sweep.sites.map(site => (site.kind === 'layer' ? new Pool(site.channels) : null))
  await eachBatch(sweep, 0, context, async (feeds, share) => {
    const wanted = await reference.session.run(feeds, reads(sweep.sites, target))
    for (const [i, pool] of target.entries())
      pool?.add(...readMoments(wanted, i), share, reference.chosen[i] ?? null)
    await addOwn(sweep, own, { ...feeds, ...fed({ own, target }, share) }, share)
  })
  return { own, target }
}

/**
 * A sweep that goes on where the first ended, as if its samples were twice as many: what the earliest batches, corrected
 * by next to nothing, told of later layers counts half.
 */
export async function goOn(sweep: Sweep, known: Estimate, context: TaskContext): Promise<Estimate> {
  const own = known.own.map(moments => new Pool(moments.mean.length, moments))
  const before = sweep.batches.reduce((sum, batch) => sum + batch.length, 0)
  await eachBatch(sweep, before, context, async (feeds, share) => {
    await addOwn(sweep, own, { ...feeds, ...fed({ own, target: known.target }, share) }, share)
  })
  return { own, target: known.target }
}

/** A sweep over the network as the estimate corrects it: what its moments really are. */
export async function measureAgain(sweep: Sweep, known: Estimate, context: TaskContext): Promise<Moments[]> {
  const own = sweep.sites.map(site => new Pool(site.channels))
  const fixed = fed(known, 0)
  await eachBatch(sweep, 0, context, (feeds, share) => addOwn(sweep, own, { ...feeds, ...fixed }, share))
  return own
}

/** Calls with the feeds of each batch and its share of all samples so far, those `before` included. */
async function eachBatch(
  { batches, dataset }: Sweep,
  before: number,
  context: TaskContext,
  visit: (feeds: Record<string, Tensor>, share: number) => Promise<void>,
): Promise<void> {
  let seen = before
  for (const [done, batch] of batches.entries()) {
    await breathe(context)
    context.progress(done / batches.length, 'Measuring statistics')
    const { feeds } = await dataset.batch(batch)
    seen += batch.length
    await visit(feeds, batch.length / seen)
  }
}

async function addOwn(
  { pruned, sites }: Sweep,
  own: readonly Pool[],
  feeds: Record<string, Tensor>,
  share: number,
): Promise<void> {
  const given = await pruned.run(feeds, reads(sites, own))
  for (const [i, pool] of own.entries()) pool.add(...readMoments(given, i), share, null)
}

function reads(sites: readonly Corrected[], pools: readonly (Pool | null)[]): string[] {
  return sites.flatMap((_, i) => (pools[i] ? [place(i).mean, place(i).variance] : []))
}

function readMoments(results: Record<string, Tensor>, site: number): [ArrayLike<number>, ArrayLike<number>] {
  const read = (name: string) => {
    const tensor = results[name]
    if (!tensor) throw new BantamError('internal', `There is no ${name}.`)
    const values = toNumbers(tensor)
    if (!values.every(Number.isFinite))
      throw new BantamError('bad-data', 'A value of the network is not finite on these samples.', {
        where: name,
        action: 'Check the samples and their preprocessing.',
      })
    return values
  }
  return [read(place(site).mean), read(place(site).variance)]
}

function fed({ own, target }: Estimate, share: number): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = { [SHARE]: scalar(share) }
  for (const [i, moments] of own.entries()) {
    const at = place(i)
    feeds[at.pooledMean] = vector(moments.mean)
    feeds[at.pooledVariance] = vector(moments.variance)
    const wanted = target[i]
    if (!wanted) continue
    feeds[at.targetMean] = vector(wanted.mean)
    feeds[at.targetVariance] = vector(wanted.variance)
  }
  return feeds
}

function scalar(value: number): Tensor {
  return { type: 'float32', dims: [], data: Float32Array.of(value) }
}

function vector(values: Float64Array): Tensor {
  return { type: 'float32', dims: [values.length], data: Float32Array.from(values) }
}
