/**
 * How fast models are, measured side by side.
 *
 * For every batch and number of threads the models run in turns: in each block each model has one turn, in an order drawn
 * anew (fixed seed). A turn is several runs in a row, before them one that warms the caches up again and is not counted
 * (runs above 20 ms do without). A time is what a caller waits for: inputs handed over, outputs received. Warm-up: until
 * the median of five runs is within 5 % of the five before, at least 10 and at most 50 runs or 2 s. Each row gets about
 * a second of counted runs (5 to 1,500), unless `runs` says otherwise, spread over up to eight rounds: each round opens
 * all models anew, in another order (one round where opening all takes more than half a second).
 * Load time and peak memory come from a fresh process each, that opens the file and runs it once with the same inputs.
 */
import type { Benchmark, BenchmarkRow, Device, LatencyRatio, Note } from '../../shared/domain'
import { BantamError, errorLine, toErrorData } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext, within } from '../jobs/context'
import { inFreshProcess, type LoadAnswer } from '../runtime/fresh'
import { openSession, type Session } from '../runtime/session'
import { random } from './bootstrap'
import { type EnergyMeter, openEnergyMeter } from './energy'
import { hardware } from './hardware'
import { type Feeds, fixedBatch, makeFeeds, sampleFeeds } from './inputs'
import { latencyStats } from './latency'
import { latencyRatio } from './ratio'
import { type Timed, takeTurns } from './turns'

export interface BenchmarkRequest {
  /** The first one is the reference of all ratios. Hashes must differ. */
  models: readonly { path: string; hash: string; name: string }[]
  batches: readonly number[]
  threads: readonly number[]
  /** Counted runs per model, batch and thread number. */
  runs?: number
  device?: Device
  /** Where real samples come from; made-up inputs without. */
  dataset?: Dataset
}

interface Entry {
  hash: string
  name: string
  path: string
  session: Session
  /** Milliseconds it took to open it here. */
  openMs: number
}

interface Ready {
  entry: Entry
  feeds: Feeds
  fresh: LoadAnswer
}

const ROUNDS = 8
/** Opening all models may take this long in each of several rounds. */
const OPEN_MS = 500

interface Work {
  request: BenchmarkRequest
  device: Device
  meter: EnergyMeter
  next: () => number
  rows: BenchmarkRow[]
  ratios: LatencyRatio[]
  notes: Note[]
}

/**
 * Measures every model at every batch and number of threads. A model that fixes its batch has rows for that batch only;
 * one that cannot be opened or run has none; a note says so. Throws `bad-option` without models, batches or threads,
 * `cancelled` between blocks, and the first model's own error when nothing at all could be measured.
 */
export async function benchmarkModels(request: BenchmarkRequest, context: TaskContext): Promise<Benchmark> {
  const { models, batches, threads } = request
  if (models.length === 0 || batches.length === 0 || threads.length === 0) {
    throw new BantamError(
      'bad-option',
      'A benchmark needs at least one model, one batch and one number of threads.',
    )
  }
  const work: Work = {
    request,
    device: request.device ?? 'cpu',
    meter: openEnergyMeter(),
    next: random(1),
    rows: [],
    ratios: [],
    notes: [],
  }
  for (const [i, count] of threads.entries()) {
    await measureThreads(work, count, within(context, i / threads.length, (i + 1) / threads.length))
  }
  if (work.rows.length === 0) {
    throw new BantamError(
      'bad-model',
      `Nothing could be measured. ${work.notes.map(n => n.message).join(' ')}`.trim(),
    )
  }
  const { rows, ratios, notes, meter } = work
  const energy = { available: meter.available, source: meter.source }
  return { hardware: await hardware(), rows, ratios, energy, notes: distinct(notes) }
}

function distinct(notes: readonly Note[]): Note[] {
  return [...new Map(notes.map(note => [`${note.code} ${note.message}`, note])).values()]
}

async function measureThreads(work: Work, threads: number, context: TaskContext): Promise<void> {
  const entries: Entry[] = []
  try {
    for (const model of work.request.models) {
      await breathe(context)
      await guarded(work, model.name, async () => {
        const start = performance.now()
        const session = await openSession(model.path, { device: work.device, threads })
        entries.push({ ...model, session, openMs: performance.now() - start })
      })
    }
    const { batches } = work.request
    for (const [i, batch] of batches.entries()) {
      const part = within(context, i / batches.length, (i + 1) / batches.length)
      await measureBatch(work, entries, batch, threads, part)
    }
  } finally {
    for (const { session } of entries) await session.close()
  }
}

/** Runs a step of one model; what it throws becomes a note, except a cancel. */
async function guarded(work: Work, name: string, step: () => Promise<void>): Promise<boolean> {
  try {
    await step()
    return true
  } catch (error) {
    const data = toErrorData(error)
    if (data.code === 'cancelled') throw error
    work.notes.push({
      code: 'benchmark.failed',
      severity: 'warning',
      message: `${name} could not be measured: ${errorLine(data)}`,
    })
    return false
  }
}

async function measureBatch(
  work: Work,
  entries: readonly Entry[],
  batch: number,
  threads: number,
  context: TaskContext,
): Promise<void> {
  const ready: Ready[] = []
  const { dataset } = work.request
  for (const [i, entry] of entries.entries()) {
    const fixed = fixedBatch(entry.session.inputs)
    if (fixed !== null && fixed !== batch) {
      work.notes.push({
        code: 'benchmark.fixed-batch',
        severity: 'info',
        message: `${entry.name} takes ${fixed} samples at a time only: it is not measured with batch ${batch}.`,
      })
      continue
    }
    await breathe(context)
    context.progress((0.3 * i) / entries.length, `loading ${entry.name} in a fresh process`)
    await guarded(work, entry.name, async () => {
      const feeds = dataset ? await sampleFeeds(dataset, batch) : makeFeeds(entry.session.inputs, batch)
      const request = { kind: 'load' as const, model: entry.path, feeds, device: work.device, threads }
      const fresh = await inFreshProcess(request, { signal: context.signal })
      // What a process of its own survived may run here.
      await entry.session.run(feeds)
      ready.push({ entry, feeds, fresh })
    })
  }
  if (ready.length === 0) return
  const stage = `timing batch ${batch} on ${threads} ${threads === 1 ? 'thread' : 'threads'}`
  const openMs = ready.reduce((sum, r) => sum + r.entry.openMs, 0)
  const timed = await takeTurns({
    ...(work.request.runs ? { runs: work.request.runs } : {}),
    rounds: openMs > OPEN_MS ? 1 : ROUNDS,
    next: work.next,
    meter: work.meter,
    open: async round => {
      if (round > 0) await reopen(work, ready, threads, round)
      return ready.map(
        ({ entry, feeds }) =>
          () =>
            entry.session.run(feeds),
      )
    },
    pause: async fraction => {
      context.progress(0.3 + 0.7 * fraction, stage)
      await breathe(context)
    },
  })
  ready.forEach(({ entry, fresh }, i) => {
    const times = timed[i]
    if (times) work.rows.push(row(work, entry, batch, threads, fresh, times))
  })
  addRatios(
    work,
    ready.map(r => r.entry),
    timed,
    batch,
    threads,
  )
}

/** Opens every model anew, in an order turned by one each round; the old sessions go only then, so that the new ones lie elsewhere. */
async function reopen(work: Work, ready: readonly Ready[], threads: number, round: number): Promise<void> {
  const old: Session[] = []
  try {
    for (let i = 0; i < ready.length; i++) {
      // Each model is opened first, second, … equally often.
      const entry = ready[(i + round) % ready.length]?.entry
      if (!entry) continue
      const session = await openSession(entry.path, { device: work.device, threads })
      old.push(entry.session)
      entry.session = session
    }
  } finally {
    for (const session of old) await session.close()
  }
}

function row(
  work: Work,
  entry: Entry,
  batch: number,
  threads: number,
  fresh: LoadAnswer,
  { rounds, joules, allRuns }: Timed,
): BenchmarkRow {
  const latencyMs = latencyStats(rounds.flat(2))
  return {
    model: entry.hash,
    device: work.device,
    batch,
    threads,
    latencyMs,
    throughput: (1000 * batch) / latencyMs.median,
    loadMs: fresh.loadMs,
    peakMemoryBytes: fresh.peakMemoryBytes,
    energyJ: work.meter.available ? joules / (allRuns * batch) : null,
  }
}

/** Every other model against the first of the request, where both were measured. */
function addRatios(
  work: Work,
  entries: readonly Entry[],
  timed: readonly Timed[],
  batch: number,
  threads: number,
): void {
  const reference = work.request.models[0]?.hash
  const [first] = timed
  if (!first || entries[0]?.hash !== reference || reference === undefined) return
  entries.forEach((entry, i) => {
    const other = timed[i]
    if (i === 0 || !other) return
    work.ratios.push({ a: reference, b: entry.hash, batch, threads, ...latencyRatio(first, other) })
  })
}
