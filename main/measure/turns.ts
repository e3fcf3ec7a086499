/**
 * Timing several things in turns, so that whatever slows the machine down falls on all of them alike, and in rounds:
 * each round starts from sessions opened anew. Where a session's memory happens to lie makes it some per cent faster or
 * slower for as long as it lives; only several sessions show that, and the interval of a ratio must contain it.
 */
import type { EnergyMeter } from './energy'
import { isStable } from './latency'
import { median } from './statistics'

/** Runs the thing once. */
export type Runner = () => Promise<unknown>

export interface TurnOptions {
  /** Counted runs of each runner; without, about a second's worth. */
  runs?: number
  /** Rounds; fewer when there are fewer runs than that. */
  rounds: number
  /** Uniform random numbers: the order within a block. */
  next: () => number
  meter: EnergyMeter
  /** The runners of a round, in the same order every time. */
  open(round: number): Promise<readonly Runner[]>
  /** Called between blocks with how much of the work is done; may throw to stop. */
  pause(fraction: number): Promise<void>
}

export interface Timed {
  /** Counted milliseconds: of each round, of each block in it. All runners have the same rounds and blocks. */
  rounds: number[][][]
  /** Joules over all runs of the blocks, counted or not, and how many those were. */
  joules: number
  allRuns: number
}

const WARM = { least: 10, most: 50, ms: 2000 }
/** What has to be warm again in later rounds is the session alone. */
const REWARM = { least: 3, most: 20, ms: 300 }
/**
 * Counted milliseconds of a model. Where what is measured is not what matters, as in tests of the screen, the environment
 * may ask for fewer; the intervals then tell how little is known.
 */
const ROW_MS = Number(process.env.BANTAM_ROW_MS) || 1000
const BLOCKS = { least: 5, most: 100, withRuns: 40 }
const MOST_RUNS = 1500
/** Above this, one run evicts nothing that matters to the next: no run is spent on warming caches. */
const LONG_MS = 20

/** Warms runners up and times them, round by round. */
export async function takeTurns(options: TurnOptions): Promise<Timed[]> {
  const first = await options.open(0)
  const usual: number[] = []
  for (const runner of first) {
    usual.push(await warmUp(runner, WARM))
    await options.pause(0)
  }
  const { blocks, runs } = planTurns(usual, options.runs)
  const rounds = Math.min(options.rounds, blocks)
  const timed: Timed[] = first.map(() => ({ rounds: [], joules: 0, allRuns: 0 }))
  // A machine that turned slow since the warm-up must not make a row take forever.
  const start = performance.now()
  const allowed = options.runs ? Number.POSITIVE_INFINITY : 4 * ROW_MS * first.length
  let runners = first
  for (let round = 0; round < rounds; round++) {
    if (round > 0) {
      runners = await options.open(round)
      for (const runner of runners) await warmUp(runner, REWARM)
    }
    for (const result of timed) result.rounds.push([])
    const [from, to] = [share(blocks, round, rounds), share(blocks, round + 1, rounds)]
    for (let block = from; block < to; block++) {
      for (const i of shuffled(runners.length, options.next)) {
        const [runner, result, ms, total] = [runners[i], timed[i], usual[i] ?? 0, runs[i] ?? 1]
        const own = share(total, block + 1, blocks) - share(total, block, blocks)
        if (runner && result) await takeTurn(runner, own, ms < LONG_MS, result, options.meter)
      }
      await options.pause((block + 1) / blocks)
      if (performance.now() - start > (allowed * (round + 1)) / rounds) break
    }
  }
  return timed
}

/** Part `index` of `parts` of a total: the parts add up to it. */
function share(total: number, index: number, parts: number): number {
  return Math.floor((index * total) / parts)
}

/**
 * Blocks, and counted runs of each runner over all of them, for runs that take `usual` milliseconds: about a second
 * each, at least one run per block. With `runs`, exactly that many.
 */
export function planTurns(usual: readonly number[], runs?: number): { blocks: number; runs: number[] } {
  if (runs) return { blocks: Math.min(runs, BLOCKS.withRuns), runs: usual.map(() => runs) }
  const blocks = Math.round(Math.min(BLOCKS.most, Math.max(BLOCKS.least, ROW_MS / Math.max(...usual))))
  return { blocks, runs: usual.map(ms => Math.round(Math.min(MOST_RUNS, Math.max(blocks, ROW_MS / ms)))) }
}

/** Runs until stable; returns the usual milliseconds of a run. */
async function warmUp(runner: Runner, limit: typeof WARM): Promise<number> {
  const times: number[] = []
  const end = performance.now() + limit.ms
  while (times.length < limit.most && (times.length === 0 || performance.now() < end)) {
    times.push(await timeRun(runner))
    if (times.length >= limit.least && isStable(times)) break
  }
  return median(times.slice(-5))
}

async function takeTurn(
  runner: Runner,
  runs: number,
  rewarm: boolean,
  result: Timed,
  meter: EnergyMeter,
): Promise<void> {
  meter.lap()
  const times: number[] = []
  if (rewarm) await timeRun(runner)
  for (let run = 0; run < runs; run++) times.push(await timeRun(runner))
  result.joules += meter.lap()
  result.allRuns += runs + (rewarm ? 1 : 0)
  result.rounds.at(-1)?.push(times)
}

async function timeRun(runner: Runner): Promise<number> {
  const start = performance.now()
  await runner()
  return performance.now() - start
}

/** 0…count−1 in random order (Fisher and Yates). */
function shuffled(count: number, next: () => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    const [a, b] = [order[i] ?? 0, order[j] ?? 0]
    order[i] = b
    order[j] = a
  }
  return order
}
