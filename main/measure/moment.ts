/**
 * A first idea of how fast one thing is next to another, in about a second: turns of some milliseconds each, the order
 * changing from block to block, the interval from resampling the blocks. It does not contain how much one session
 * differs from the next; a benchmark does (`benchmark.ts`).
 */
import { ratioOfMedians } from './bootstrap'
import type { Runner } from './turns'

const TURN_MS = 15
const MOST_RUNS = 50
/** Fewer blocks say nothing of their spread; they are run even when the time is over. */
const LEAST_BLOCKS = 3

/** Latency of `b` relative to `a` (0.5 = twice as fast) with its 95 % interval, measured for about `ms` milliseconds. */
export async function momentaryRatio(
  a: Runner,
  b: Runner,
  ms = 1000,
): Promise<{ ratio: number; low: number; high: number }> {
  const end = performance.now() + ms
  const runs = [await turnLength(a), await turnLength(b)] as const
  const blocks: { a: number[]; b: number[] }[] = []
  while (blocks.length < LEAST_BLOCKS || performance.now() < end) {
    const block: { a: number[]; b: number[] } = { a: [], b: [] }
    const first = () => takeTurn(a, runs[0], block.a)
    const second = () => takeTurn(b, runs[1], block.b)
    for (const turn of blocks.length % 2 === 0 ? [first, second] : [second, first]) await turn()
    blocks.push(block)
  }
  return ratioOfMedians(blocks)
}

/** Runs it twice to warm up; answers with how many runs make a turn. */
async function turnLength(runner: Runner): Promise<number> {
  await runner()
  const times: number[] = []
  await takeTurn(runner, 1, times)
  return Math.max(1, Math.min(MOST_RUNS, Math.round(TURN_MS / Math.max(1e-3, times[0] ?? TURN_MS))))
}

async function takeTurn(runner: Runner, runs: number, times: number[]): Promise<void> {
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    await runner()
    times.push(performance.now() - start)
  }
}
