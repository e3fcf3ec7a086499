/**
 * A target of latency is reached by measuring: models of other sizes are run in turns with the original until one is as
 * fast as asked. What a run costs depends on sizes, not on values, so that any weights do for the search.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { fixedBatch, makeFeeds } from '../measure/inputs'
import { momentaryRatio } from '../measure/moment'
import type { Model } from '../onnx/model'
import { writeModel } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'

/** A ratio of latencies, of the smaller model to the original, with its 95 % interval. */
export interface Ratio {
  ratio: number
  low: number
  high: number
}

export interface LatencySearch<T> {
  original: Model
  /** The model that costs this share of the original's work (1: the original), and what was decided for it. */
  at(share: number): Promise<{ model: Model; chosen: T }>
  /** The smallest share that can be made. */
  least: number
  /** Latency asked for, relative to the original. */
  wanted: number
}

/** So much faster than asked is aimed at: a measurement of tomorrow is not to fall short by its noise. */
const AIM = 0.97
/** Near enough to end the search. */
const NEAR = 0.015
const PROBES = 9
const PROBE_MS = 1500
const CONFIRM_MS = 4000

/**
 * Finds the size whose latency, batch 1 on one thread, is what was asked for, and measures it once more. Throws
 * `bad-option` when the smallest is slower than that, telling how fast it is.
 */
export async function searchLatency<T>(
  search: LatencySearch<T>,
  context: TaskContext,
): Promise<{ model: Model; chosen: T; ratio: Ratio; share: number }> {
  const { original, wanted, least } = search
  const aim = wanted * AIM
  const folder = await mkdtemp(join(context.tempDir, 'latency-'))
  const measure = await openRuler(original, folder)
  try {
    // Known points of a rising curve: share of the work → ratio of latency.
    const known = [{ share: 1, ratio: 1 }]
    let best: { model: Model; chosen: T; ratio: Ratio; share: number } | undefined
    for (let probe = 0; probe < PROBES; probe++) {
      await breathe(context)
      const share = nextShare(known, aim, least)
      context.progress(probe / PROBES, `Measuring a model of ${Math.round(share * 100)} % of the work`)
      const made = await search.at(share)
      const ratio = await measure(made.model, PROBE_MS)
      known.push({ share, ratio: ratio.ratio })
      if (!best || Math.abs(ratio.ratio - aim) < Math.abs(best.ratio.ratio - aim))
        best = { ...made, ratio, share }
      if (Math.abs(ratio.ratio - aim) < NEAR || share <= least) break
      // No further size lies between what is too slow and what is faster than needed.
      if (known.filter(k => Math.abs(k.share - share) < 1e-3).length > 2) break
    }
    if (!best) throw new BantamError('internal', 'Nothing was measured.')
    const ratio = await measure(best.model, CONFIRM_MS)
    if (ratio.low > wanted && best.share <= least + 1e-6) throw tooSlow(ratio.ratio, wanted)
    return { ...best, ratio }
  } finally {
    await measure.close()
    await rm(folder, { recursive: true, force: true })
  }
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

interface Ruler {
  (model: Model, ms: number): Promise<Ratio>
  close(): Promise<void>
}

/** Measures models next to the original, whose session stays open. */
async function openRuler(original: Model, folder: string): Promise<Ruler> {
  const open = async (model: Model, name: string) => {
    const file = join(folder, name)
    await writeModel(model, file)
    return openSession(file, { threads: 1 })
  }
  const whole = await open(original, 'original.onnx')
  const feeds = makeFeeds(whole.inputs, fixedBatch(whole.inputs) ?? 1)
  const run = (session: Session) => () => session.run(feeds)
  const measure = async (model: Model, ms: number): Promise<Ratio> => {
    const smaller = await open(model, 'smaller.onnx')
    try {
      return await momentaryRatio(run(whole), run(smaller), ms)
    } finally {
      await smaller.close()
    }
  }
  return Object.assign(measure, { close: () => whole.close() })
}

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
