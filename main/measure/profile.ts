/**
 * Where the time of a run goes, kernel by kernel, from ONNX Runtime's own profile: operators as ORT ran them, after its
 * fusions. Recording costs time itself, some microseconds per node: whole runs are slower here than in a benchmark.
 * At least 5 and at most 50 runs are averaged, about a second's worth, after five that are not.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Device, Profile, ProfileNode } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import { openSession } from '../runtime/session'
import { fixedBatch, makeFeeds, sampleFeeds } from './inputs'
import { type KernelEvent, type RunEvents, readRuns } from './profile-events'
import { kernelKind, kernelPrecision } from './profile-kinds'

export interface ProfileRequest {
  /** Path of the model file. */
  model: string
  hash: string
  /** Samples per run; a model that fixes another number is profiled with its own, which the profile then tells. */
  batch: number
  threads: number
  device?: Device
  /** Where real samples come from; made-up inputs without. */
  dataset?: Dataset
}

const WARM_RUNS = 5
const RUNS = { least: 5, most: 50, ms: 1000 }

/** Profiles a model. Throws what session and dataset throw, `cancelled` between runs. */
export async function profileModel(request: ProfileRequest, context: TaskContext): Promise<Profile> {
  const folder = await mkdtemp(join(context.tempDir, 'profile-'))
  try {
    const { batch, counted } = await record(request, folder, context)
    const file = (await readdir(folder)).find(name => name.endsWith('.json'))
    if (!file) throw new BantamError('internal', 'ONNX Runtime wrote no profile.', { where: request.model })
    const runs = (await readRuns(join(folder, file))).slice(-counted)
    context.progress(1, 'profiled')
    return summarize(request, batch, runs)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs with recording on, into `folder`; returns how many of the last runs count. */
async function record(
  { model, batch, threads, device = 'cpu', dataset }: ProfileRequest,
  folder: string,
  context: TaskContext,
): Promise<{ batch: number; counted: number }> {
  const session = await openSession(model, { device, threads, profilePrefix: join(folder, 'ort') })
  try {
    const own = fixedBatch(session.inputs) ?? batch
    const feeds = dataset ? await sampleFeeds(dataset, own) : makeFeeds(session.inputs, own)
    let last = 0
    const run = async () => {
      await breathe(context)
      const start = performance.now()
      await session.run(feeds)
      last = performance.now() - start
    }
    for (let i = 0; i < WARM_RUNS; i++) await run()
    const counted = Math.round(Math.min(RUNS.most, Math.max(RUNS.least, RUNS.ms / last)))
    for (let i = 0; i < counted; i++) {
      await run()
      context.progress((i + 1) / counted, `recording run ${i + 1} of ${counted}`)
    }
    session.endProfiling()
    return { batch: own, counted }
  } finally {
    await session.close()
  }
}

function summarize(
  { hash, threads, device = 'cpu' }: ProfileRequest,
  batch: number,
  runs: RunEvents[],
): Profile {
  const nodes = meanNodes(runs)
  const kernelUs = nodes.reduce((sum, n) => sum + n.us, 0)
  const share = (kind: string) =>
    kernelUs === 0
      ? 0
      : nodes.filter(n => kernelKind(n) === kind).reduce((sum, n) => sum + n.us, 0) / kernelUs
  return {
    model: hash,
    batch,
    threads,
    device,
    runs: runs.length,
    totalUs: runs.reduce((sum, r) => sum + r.us, 0) / Math.max(1, runs.length),
    kernelUs,
    nodes,
    byOperator: groupByOperator(nodes),
    shares: { int8: share('int8'), quantizeDequantize: share('quantize'), conversion: share('conversion') },
  }
}

/** Mean time per run of every node, in the order of the first run that has it. */
function meanNodes(runs: readonly RunEvents[]): ProfileNode[] {
  const found = new Map<string, { event: KernelEvent; us: number }>()
  for (const event of runs.flatMap(r => r.kernels)) {
    const key = `${event.name}|${event.op}|${event.index}`
    const known = found.get(key)
    if (known) known.us += event.us
    else found.set(key, { event, us: event.us })
  }
  return Array.from(found.values(), ({ event, us }) => ({
    name: event.name,
    op: event.op,
    provider: event.provider,
    us: us / runs.length,
    precision: kernelPrecision(event.op, event.inputTypes, event.outputTypes),
  }))
}

function groupByOperator(nodes: readonly ProfileNode[]): Profile['byOperator'] {
  const groups = new Map<string, { us: number; count: number }>()
  for (const { op, us } of nodes) {
    const group = groups.get(op) ?? { us: 0, count: 0 }
    groups.set(op, { us: group.us + us, count: group.count + 1 })
  }
  return Array.from(groups, ([op, group]) => ({ op, ...group })).sort((a, b) => b.us - a.us)
}
