/**
 * How fast language models are: tokens of a prompt per second, and tokens made per second after it, with one text at a
 * time. The models run in turns, as in the benchmark of latency (`measure/turns.ts`): rounds of new sessions, all on the
 * same prompt, all making the same number of tokens.
 *
 * Without other wishes the prompt has 128 tokens and 32 are made; both are cut, for all models alike, where a model knows
 * fewer positions or a run would take long. Peak memory is that of a fresh process that runs the prompt and one further
 * token at the full length.
 */
import type { Device, GenerationRatio, GenerationRow, LatencyStats, Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import { type Entry, guarded, reopen, roundsFor } from '../measure/bench-entries'
import { random } from '../measure/bootstrap'
import type { EnergyMeter } from '../measure/energy'
import { type Feeds, fixedBatch } from '../measure/inputs'
import { latencyStats } from '../measure/latency'
import { latencyRatio } from '../measure/ratio'
import { type Timed, takeTurns } from '../measure/turns'
import { inFreshProcess } from '../runtime/fresh'
import { toNumbers } from '../runtime/tensor'
import { looksAhead } from './causal'
import { languageFeeds } from './feeds'
import { makeGenerator } from './generate'
import { type LanguageModel, languageModel } from './recognise'

export interface GenerationWork {
  device: Device
  threads: number
  meter: EnergyMeter
  next: () => number
  runs?: number | undefined
  /** Tokens of the prompt and tokens made; chosen where absent. */
  prompt?: number | undefined
  generate?: number | undefined
  /** Where the tokens of the prompt come from; made up without. */
  dataset?: Dataset | undefined
  rows: GenerationRow[]
  ratios: GenerationRatio[]
  notes: Note[]
}

interface Ready {
  entry: Entry
  language: LanguageModel
}

interface Lengths {
  prompt: number
  generate: number
}

const PROMPT = 128
const GENERATE = 32
/** Shorter and shorter, until every model can take it: prompt and tokens made. */
const LADDER: readonly (readonly [number, number])[] = [
  [PROMPT, GENERATE],
  [96, 32],
  [64, 16],
  [48, 16],
  [24, 8],
  [12, 4],
  [6, 2],
]
/** Milliseconds that one run of making tokens should not exceed, and the fewest tokens it makes. */
const RUN_MS = 500
const LEAST = 4

/** Measures the language models among the entries; does nothing where there are none. Throws `cancelled`. */
export async function measureGeneration(
  work: GenerationWork,
  entries: readonly Entry[],
  reference: string | undefined,
  context: TaskContext,
): Promise<void> {
  const ready: Ready[] = []
  for (const entry of entries) {
    const language = languageModel(entry.session.inputs, entry.session.outputs)
    if (language && (await continues(entry, language))) ready.push({ entry, language })
  }
  if (ready.length === 0) return
  context.progress(0, 'finding the length of prompts')
  const found = await lengthsFor(work, ready, context)
  if (!found) return
  const { lengths, able } = found
  const tokens = await promptTokens(work, able, lengths.prompt)
  const memory: (number | null)[] = []
  for (const { entry, language } of able) {
    await breathe(context)
    context.progress(0.1, `measuring the memory of ${entry.name}`)
    memory.push(await peakMemory(work, entry, language, tokens, lengths, context))
  }
  const measure = (what: 'prompt' | 'generate', from: number, to: number) =>
    takeTurns({
      ...(work.runs ? { runs: work.runs } : {}),
      rounds: roundsFor(able.map(a => a.entry)),
      next: work.next,
      meter: work.meter,
      open: async round => {
        if (round > 0) {
          await reopen(
            able.map(a => a.entry),
            work.device,
            work.threads,
            round,
          )
        }
        return able.map(({ entry, language }) => {
          const generator = makeGenerator(entry.session, language, tokens)
          return () => (what === 'prompt' ? generator.prompt() : generator.generate(lengths.generate))
        })
      },
      pause: async fraction => {
        const doing = what === 'prompt' ? 'reading prompts' : 'making tokens'
        context.progress(from + (to - from) * fraction, `timing ${doing}`)
        await breathe(context)
      },
    })
  const prompts = await measure('prompt', 0.2, 0.5)
  const made = await measure('generate', 0.5, 1)
  able.forEach(({ entry, language }, i) => {
    const [read, written] = [prompts[i], made[i]]
    if (!read || !written) return
    const promptMs = latencyStats(read.rounds.flat(2))
    const tokenMs = perToken(latencyStats(written.rounds.flat(2)), lengths.generate)
    work.rows.push({
      model: entry.hash,
      device: work.device,
      threads: work.threads,
      cache: language.caches.length > 0,
      promptTokens: lengths.prompt,
      generatedTokens: lengths.generate,
      promptMs,
      tokenMs,
      promptTokensPerSecond: perSecond(promptMs, lengths.prompt),
      tokensPerSecond: perSecond(tokenMs, 1),
      peakMemoryBytes: memory[i] ?? null,
    })
  })
  addRatios(work, able, reference, 'prompt', prompts)
  addRatios(work, able, reference, 'token', made)
}

/** Whether a model takes one text at a time, and makes nothing of the tokens that follow. */
async function continues({ session }: Entry, language: LanguageModel): Promise<boolean> {
  if ((fixedBatch(session.inputs) ?? 1) !== 1) return false
  if (language.caches.length > 0) return true
  try {
    return !(await looksAhead(session, language))
  } catch (error) {
    if (!(error instanceof BantamError)) throw error
    return false
  }
}

/** The longest prompt and number of tokens made that all models can take, and those models. */
async function lengthsFor(
  work: GenerationWork,
  ready: readonly Ready[],
  context: TaskContext,
): Promise<{ lengths: Lengths; able: Ready[] } | undefined> {
  const asked = work.prompt !== undefined || work.generate !== undefined
  const steps = asked ? [[work.prompt ?? PROMPT, work.generate ?? GENERATE] as const] : LADDER
  const longest = new Map<Ready, number>()
  for (const one of ready) {
    await breathe(context)
    const notes: Note[] = []
    for (const [step, [prompt, generate]] of steps.entries()) {
      notes.length = 0
      const fits = await guarded(notes, `Tokens per second of ${one.entry.name}`, () =>
        tryOut(one, prompt, generate),
      )
      if (!fits) continue
      longest.set(one, step)
      break
    }
    if (!longest.has(one)) work.notes.push(...notes)
  }
  const step = Math.max(...longest.values())
  const [prompt, most] = steps[step] ?? []
  if (prompt === undefined || most === undefined) return undefined
  const able = [...longest.keys()]
  if (asked) return { lengths: { prompt, generate: most }, able }
  let slowest = 0
  for (const { entry, language } of able) {
    const generator = makeGenerator(entry.session, language, madeUp(language, prompt))
    await generator.generate(1)
    const start = performance.now()
    await generator.generate(1)
    slowest = Math.max(slowest, performance.now() - start)
    await breathe(context)
  }
  const generate = Math.max(Math.min(LEAST, most), Math.min(most, Math.floor(RUN_MS / slowest)))
  return { lengths: { prompt, generate }, able }
}

/** Runs a model at the full length. */
async function tryOut({ entry, language }: Ready, prompt: number, generate: number): Promise<void> {
  if (language.length !== undefined && prompt + generate > language.length) {
    throw new BantamError(
      'bad-option',
      `The model takes ${language.length} tokens; a prompt of ${prompt} and ${generate} more are too many.`,
    )
  }
  const full = madeUp(language, prompt + generate)
  await makeGenerator(entry.session, language, full).prompt()
}

/** Tokens that are numbers every model knows. */
function madeUp({ vocabulary = 2 }: LanguageModel, count: number): Int32Array {
  const next = random(7)
  return Int32Array.from({ length: count }, () => Math.floor(next() * vocabulary))
}

/** Tokens of the first samples of the data, one after the other; made up without data, or where one is unknown. */
async function promptTokens(
  work: GenerationWork,
  able: readonly Ready[],
  count: number,
): Promise<Int32Array> {
  const [first] = able
  if (!first) throw new TypeError('No model to make a prompt for')
  const least = Math.min(...able.map(a => a.language.vocabulary ?? 2))
  const { dataset } = work
  const found: number[] = []
  if (dataset?.summary.inputs.some(i => i.name === first.language.ids.name)) {
    const test = dataset.indices('test')
    const indices = test.length > 0 ? test : dataset.indices('all')
    for (let i = 0; i < indices.length && found.length < count; i++) {
      const { feeds } = await dataset.batch([indices[i] ?? 0])
      const ids = feeds[first.language.ids.name]
      const fed = dataset.tokens?.(indices[i] ?? 0)?.fed
      if (ids) found.push(...Array.from(toNumbers(ids)).slice(0, fed))
    }
  }
  const known = found.slice(0, count).every(token => token < least)
  if (found.length < count || !known) return madeUp({ ...first.language, vocabulary: least }, count)
  return Int32Array.from(found.slice(0, count))
}

async function peakMemory(
  work: GenerationWork,
  entry: Entry,
  language: LanguageModel,
  tokens: Int32Array,
  { prompt, generate }: Lengths,
  context: TaskContext,
): Promise<number | null> {
  const [last = 0] = tokens.slice(-1)
  const full = Int32Array.from(
    { length: language.length ?? prompt + generate },
    (_, i) => tokens[i % prompt] ?? 0,
  )
  const feeds: Feeds[] =
    language.caches.length > 0
      ? [languageFeeds(language, [tokens]), languageFeeds(language, [[last]], prompt + generate - 1)]
      : [languageFeeds(language, [full])]
  let bytes: number | null = null
  await guarded(work.notes, `The memory of ${entry.name}`, async () => {
    const request = {
      kind: 'load' as const,
      model: entry.path,
      feeds,
      device: work.device,
      threads: work.threads,
    }
    bytes = (await inFreshProcess(request, { signal: context.signal })).peakMemoryBytes
  })
  return bytes
}

function perToken(stats: LatencyStats, count: number): LatencyStats {
  const { median, p90, p99, iqr, low, high, runs } = stats
  return {
    median: median / count,
    p90: p90 / count,
    p99: p99 / count,
    iqr: iqr / count,
    low: low / count,
    high: high / count,
    runs,
  }
}

function perSecond({ median, low, high }: LatencyStats, tokens: number) {
  return { value: (1000 * tokens) / median, low: (1000 * tokens) / high, high: (1000 * tokens) / low }
}

/** Every other model against the reference, where both were measured. */
function addRatios(
  work: GenerationWork,
  able: readonly Ready[],
  reference: string | undefined,
  phase: GenerationRatio['phase'],
  timed: readonly Timed[],
): void {
  const [first] = timed
  if (!first || able[0]?.entry.hash !== reference || reference === undefined) return
  able.forEach(({ entry }, i) => {
    const other = timed[i]
    if (i === 0 || !other) return
    work.ratios.push({
      a: reference,
      b: entry.hash,
      threads: work.threads,
      phase,
      ...latencyRatio(first, other),
    })
  })
}
