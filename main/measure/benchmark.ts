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
import type { Benchmark, BenchmarkRow, Device, Generation, LatencyRatio, Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext, within } from '../jobs/context'
import { completed } from '../language/feeds'
import { languageModel } from '../language/recognise'
import { measureGeneration } from '../language/speed'
import { inFreshProcess, type LoadAnswer } from '../runtime/fresh'
import { openSession } from '../runtime/session'
import { type Entry, guarded, reopen, roundsFor } from './bench-entries'
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
  /** Of language models: tokens of the prompt, and tokens made after it. */
  prompt?: number
  generate?: number
}

interface Ready {
  entry: Entry
  feeds: Feeds
  fresh: LoadAnswer
}

interface Work {
  request: BenchmarkRequest
  device: Device
  meter: EnergyMeter
  next: () => number
  rows: BenchmarkRow[]
  ratios: LatencyRatio[]
  generation: Generation
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
    generation: { rows: [], ratios: [] },
    notes: [],
  }
  for (const [i, count] of threads.entries()) {
    await measureThreads(work, count, within(context, i / threads.length, (i + 1) / threads.length))
  }
  if (work.rows.length === 0 && work.generation.rows.length === 0) {
    throw new BantamError(
      'bad-model',
      `Nothing could be measured. ${work.notes.map(n => n.message).join(' ')}`.trim(),
    )
  }
  const { rows, ratios, generation, notes, meter } = work
  const energy = { available: meter.available, source: meter.source }
  const said = generation.rows.length > 0 ? { generation } : {}
  return { hardware: await hardware(), rows, ratios, ...said, energy, notes: distinct(notes) }
}

function distinct(notes: readonly Note[]): Note[] {
  return [...new Map(notes.map(note => [`${note.code} ${note.message}`, note])).values()]
}

async function measureThreads(work: Work, threads: number, context: TaskContext): Promise<void> {
  const entries: Entry[] = []
  try {
    for (const model of work.request.models) {
      await breathe(context)
      await guarded(work.notes, model.name, async () => {
        const start = performance.now()
        const session = await openSession(model.path, { device: work.device, threads })
        entries.push({ ...model, session, openMs: performance.now() - start })
      })
    }
    const { batches } = work.request
    // What language models do afterwards takes its time too.
    const share = entries.some(e => languageModel(e.session.inputs, e.session.outputs)) ? 0.7 : 1
    for (const [i, batch] of batches.entries()) {
      const part = within(context, (share * i) / batches.length, (share * (i + 1)) / batches.length)
      await measureBatch(work, entries, batch, threads, part)
    }
    await generate(work, entries, threads, within(context, share, 1))
  } finally {
    for (const { session } of entries) await session.close()
  }
}

/** Tokens per second of the language models among them. */
async function generate(
  { request, device, meter, next, generation, notes }: Work,
  entries: readonly Entry[],
  threads: number,
  context: TaskContext,
): Promise<void> {
  const { runs, prompt, generate, dataset, models } = request
  const wanted = { device, threads, meter, next, runs, prompt, generate, dataset }
  await measureGeneration({ ...wanted, ...generation, notes }, entries, models[0]?.hash, context)
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
    await guarded(work.notes, entry.name, async () => {
      const { inputs, outputs } = entry.session
      const language = languageModel(inputs, outputs)
      const samples = dataset && (await sampleFeeds(dataset, batch))
      const feeds = samples ? (language ? completed(language, samples) : samples) : makeFeeds(inputs, batch)
      const request = { kind: 'load' as const, model: entry.path, feeds, device: work.device, threads }
      const fresh = await inFreshProcess(request, { signal: context.signal })
      // What a process of its own survived may run here.
      await entry.session.run(feeds)
      ready.push({ entry, feeds, fresh })
    })
  }
  if (ready.length === 0) return
  const stage = `timing batch ${batch} on ${threads} ${threads === 1 ? 'thread' : 'threads'}`
  const opened = ready.map(r => r.entry)
  const timed = await takeTurns({
    ...(work.request.runs ? { runs: work.request.runs } : {}),
    rounds: roundsFor(opened),
    next: work.next,
    meter: work.meter,
    open: async round => {
      if (round > 0) await reopen(opened, work.device, threads, round)
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
