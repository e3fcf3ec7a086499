/** Timing several things in turns, so that whatever slows the machine down falls on all of them alike. */
import type { EnergyMeter } from './energy'
import { isStable } from './latency'
import { median } from './statistics'

export interface Runner {
  name: string
  run(): Promise<unknown>
}

export interface TurnOptions {
  /** Counted runs of each runner; without, about a second's worth. */
  runs?: number
  /** Uniform random numbers: the order within a block. */
  next: () => number
  meter: EnergyMeter
  /** Called between blocks with how much of the work is done; may throw to stop. */
  pause(fraction: number): Promise<void>
}

export interface Timed {
  /** Counted milliseconds, block by block; all runners have the same number of blocks. */
  blocks: number[][]
  /** Joules over all runs of the blocks, counted or not, and how many those were. */
  joules: number
  allRuns: number
}

const WARM = { least: 10, most: 50, ms: 2000 }
const ROW_MS = 1000
/** Blocks: what the interval of a ratio is resampled from. */
const BLOCKS = { least: 5, most: 100, withRuns: 40 }
const MOST_RUNS = 1500
/** Above this, one run evicts nothing that matters to the next: no run is spent on warming caches. */
const LONG_MS = 20

/** Warms every runner up, then times all of them in turns. */
export async function takeTurns(runners: readonly Runner[], options: TurnOptions): Promise<Timed[]> {
  const usual: number[] = []
  for (const runner of runners) {
    usual.push(await warmUp(runner))
    await options.pause(0)
  }
  const { blocks, runs } = planTurns(usual, options.runs)
  const timed: Timed[] = runners.map(() => ({ blocks: [], joules: 0, allRuns: 0 }))
  const deadline = performance.now() + 3 * ROW_MS * runners.length
  for (let block = 0; block < blocks; block++) {
    for (const i of shuffled(runners.length, options.next)) {
      const [runner, result, ms, total] = [runners[i], timed[i], usual[i] ?? 0, runs[i] ?? 1]
      // The runs of all blocks add up to the total.
      const own = Math.floor(((block + 1) * total) / blocks) - Math.floor((block * total) / blocks)
      if (runner && result) await takeTurn(runner, own, ms < LONG_MS, result, options.meter)
    }
    await options.pause((block + 1) / blocks)
    // A machine that turned slow since the warm-up must not make a row take forever.
    if (!options.runs && block + 1 >= BLOCKS.least && performance.now() > deadline) break
  }
  return timed
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
async function warmUp(runner: Runner): Promise<number> {
  const times: number[] = []
  const end = performance.now() + WARM.ms
  while (times.length < WARM.most && (times.length === 0 || performance.now() < end)) {
    times.push(await timeRun(runner))
    if (times.length >= WARM.least && isStable(times)) break
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
  result.blocks.push(times)
}

async function timeRun(runner: Runner): Promise<number> {
  const start = performance.now()
  await runner.run()
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
