/**
 * A target of latency is reached by measuring: models of other sizes are run in turns with the original until one is as
 * fast as asked. What a run costs depends on sizes, not on values, so that any weights do for the search.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { random } from '../measure/bootstrap'
import type { EnergyMeter } from '../measure/energy'
import { fixedBatch, makeFeeds } from '../measure/inputs'
import { latencyRatio } from '../measure/ratio'
import { takeTurns } from '../measure/turns'
import type { Model } from '../onnx/model'
import { writeModel } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'

/** A ratio of latencies, of the smaller model to the original, with its 95 % interval. */
export interface Ratio {
  ratio: number
  low: number
  high: number
}

export interface Made<T> {
  model: Model
  chosen: T
}

export interface LatencySearch<T> {
  original: Model
  /** The model that costs this share of the original's work (1: the original), and what was decided for it. */
  at(share: number): Promise<Made<T>>
  /** What tells one choice from another. */
  key(chosen: T): string
  /** Choices beside one whose latency is `ratio`, likeliest to have `aim` first. */
  near?(chosen: T, ratio: number, aim: number): Promise<Made<T>[]>
  /** The smallest share that can be made. */
  least: number
  /** Latency asked for, relative to the original. */
  wanted: number
}

/** So much faster than asked is aimed at: from one process to the next the same two models differ by some per cent. */
const AIM = 0.93
/** Near enough to end the search, as a share of the aim. */
const NEAR = 0.025
const PROBES = 8
/** Steps from the best size to one beside it, and how many of these are tried in each. */
const STEPS = 3
const BESIDE = 3

interface Found<T> extends Made<T> {
  share: number
  ratio: Ratio
}

/**
 * Finds the size whose latency, batch 1 on one thread, is what was asked for, and measures it once more, as a benchmark
 * does. Throws `bad-option` when the smallest is slower than that, telling how fast it is.
 */
export async function searchLatency<T>(
  search: LatencySearch<T>,
  context: TaskContext,
): Promise<{ model: Model; chosen: T; ratio: Ratio; share: number }> {
  const { original, wanted, least } = search
  const aim = wanted * AIM
  const folder = await mkdtemp(join(context.tempDir, 'latency-'))
  try {
    const measure = await openRuler(original, folder, context)
    const seen = new Map<string, Ratio>()
    const ratioOf = async ({ model, chosen }: Made<T>): Promise<Ratio> => {
      const key = search.key(chosen)
      const ratio = seen.get(key) ?? (await measure(model, 'quick'))
      seen.set(key, ratio)
      return ratio
    }
    const off = ({ ratio }: { ratio: Ratio }) => Math.abs(ratio.ratio - aim)
    let best = await bySize(search, aim, ratioOf, context)
    for (let step = 0; step < STEPS && off(best) > NEAR * aim && search.near; step++) {
      const beside = (await search.near(best.chosen, best.ratio.ratio, aim)).filter(
        m => !seen.has(search.key(m.chosen)),
      )
      const before = best
      for (const made of beside.slice(0, BESIDE)) {
        context.progress(0.6 + (0.3 * step) / STEPS, 'Measuring sizes beside the best')
        const tried = { ...made, share: best.share, ratio: await ratioOf(made) }
        if (off(tried) < off(best)) best = tried
      }
      if (best === before) break
    }
    context.progress(0.9, 'Measuring the size that was found')
    const ratio = await measure(best.model, 'thorough')
    if (ratio.low > wanted && best.share <= least + 1e-6) throw tooSlow(ratio.ratio, wanted)
    return { ...best, ratio }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The best of the sizes that shares of the work stand for. */
async function bySize<T>(
  search: LatencySearch<T>,
  aim: number,
  ratioOf: (made: Made<T>) => Promise<Ratio>,
  context: TaskContext,
): Promise<Found<T>> {
  // Known points of a rising curve: share of the work → ratio of latency.
  const known = [{ share: 1, ratio: 1 }]
  let best: Found<T> | undefined
  const keys: string[] = []
  for (let probe = 0; probe < PROBES; probe++) {
    await breathe(context)
    const share = nextShare(known, aim, search.least)
    context.progress((0.6 * probe) / PROBES, `Measuring a model of ${Math.round(share * 100)} % of the work`)
    const made = await search.at(share)
    const ratio = await ratioOf(made)
    known.push({ share, ratio: ratio.ratio })
    if (!best || Math.abs(ratio.ratio - aim) < Math.abs(best.ratio.ratio - aim))
      best = { ...made, ratio, share }
    if (Math.abs(ratio.ratio - aim) < NEAR * aim || share <= search.least) break
    // No further size lies between what is too slow and what is faster than needed.
    keys.push(search.key(made.chosen))
    if (keys.filter(key => key === keys.at(-1)).length > 2) break
  }
  if (!best) throw new BantamError('internal', 'Nothing was measured.')
  return best
}

/** By the secant through the points beside the aim; halfway where that says nothing new. */
function nextShare(known: readonly { share: number; ratio: number }[], aim: number, least: number): number {
  if (known.length === 1) return Math.max(least, aim)
  const above = known.filter(k => k.ratio > aim).sort((a, b) => a.share - b.share)[0]
  const below = known.filter(k => k.ratio <= aim).sort((a, b) => b.share - a.share)[0]
  if (!above) return Math.min(1, (below?.share ?? least) * 1.1)
  const low = below ?? { share: 0, ratio: 0 }
  const span = above.ratio - low.ratio
  const secant = low.share + ((above.share - low.share) * (aim - low.ratio)) / Math.max(1e-9, span)
  const [a, b] = [Math.min(low.share, above.share), Math.max(low.share, above.share)]
  const inside = Math.min(b - (b - a) * 0.1, Math.max(a + (b - a) * 0.1, secant))
  return Math.max(least, inside)
}

type Ruler = (model: Model, how: 'quick' | 'thorough') => Promise<Ratio>

/** Sessions are opened anew so many times: from one to the next the same model differs by some per cent. */
const ROUNDS = 8
const QUICK = { ms: 250, least: 40, most: 800 }

/** Measures models in turns with the original, as the benchmark does: several rounds, each with new sessions. */
async function openRuler(original: Model, folder: string, context: TaskContext): Promise<Ruler> {
  const whole = join(folder, 'original.onnx')
  await writeModel(original, whole)
  const first = await openSession(whole, { threads: 1 })
  const feeds = makeFeeds(first.inputs, fixedBatch(first.inputs) ?? 1)
  await first.run(feeds)
  const start = performance.now()
  await first.run(feeds)
  const ms = performance.now() - start
  await first.close()
  const quick = Math.round(Math.min(QUICK.most, Math.max(QUICK.least, QUICK.ms / ms)))
  const next = random(1)
  return async (model, how) => {
    const file = join(folder, 'smaller.onnx')
    await writeModel(model, file)
    let sessions: Session[] = []
    const close = async () => {
      for (const session of sessions) await session.close()
      sessions = []
    }
    try {
      const timed = await takeTurns({
        ...(how === 'quick' ? { runs: quick } : {}),
        rounds: ROUNDS,
        next,
        meter: NO_METER,
        open: async round => {
          const old = sessions
          sessions = []
          // Each is opened first as often as the other; the old ones go only then, so that the new ones lie elsewhere.
          const paths = round % 2 === 0 ? [whole, file] : [file, whole]
          for (const path of paths) sessions.push(await openSession(path, { threads: 1 }))
          for (const session of old) await session.close()
          const inOrder = round % 2 === 0 ? sessions : sessions.toReversed()
          return inOrder.map(session => () => session.run(feeds))
        },
        pause: () => breathe(context),
      })
      const [a, b] = timed
      if (!a || !b) throw new BantamError('internal', 'Nothing was timed.')
      return latencyRatio(a, b)
    } finally {
      await close()
    }
  }
}

const NO_METER: EnergyMeter = { available: false, source: '', lap: () => 0 }

function tooSlow(ratio: number, wanted: number): BantamError {
  return new BantamError(
    'bad-option',
    `The smallest model that can be made takes ${ratio.toFixed(2)} of the original's latency, not ${wanted.toFixed(2)}.`,
    {
      where: 'amount',
      action: `Ask for at most ${Math.max(0.01, 1 - ratio).toFixed(2)}, lower the least share, or allow more kinds.`,
    },
  )
}
