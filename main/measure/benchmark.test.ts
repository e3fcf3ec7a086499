import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { Benchmark } from '../../shared/domain'
import { benchmarkModels } from './benchmark'
import { openEnergyMeter } from './energy'
import { fixedBatch, makeFeeds } from './inputs'
import { isStable, latencyStats } from './latency'
import { latencyRatio } from './ratio'
import { denseModel, memoryDataset, testContext } from './testing'
import { planTurns, takeTurns } from './turns'

const folder = mkdtempSync(join(tmpdir(), 'bantam-benchmark-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const small = { path: denseModel(join(folder, 'small.onnx'), 128, 4), hash: 'small', name: 'small' }
const large = { path: denseModel(join(folder, 'large.onnx'), 128, 40), hash: 'large', name: 'large' }
const fixed = { path: denseModel(join(folder, 'fixed.onnx'), 32, 2, 4), hash: 'fixed', name: 'fixed' }

describe('benchmarkModels', () => {
  it('reports ten times the work as slower, with an interval that excludes 1', async () => {
    const context = testContext(folder)
    const result = await benchmarkModels(
      { models: [small, large], batches: [16], threads: [1], runs: 60 },
      context,
    )
    Benchmark.parse(result)
    const [ratio] = result.ratios
    expect(ratio).toMatchObject({ a: 'small', b: 'large', batch: 16, threads: 1 })
    expect(ratio?.ratio).toBeGreaterThan(3)
    expect(ratio?.low).toBeGreaterThan(1)
    const [a, b] = result.rows
    const ofMedians = (b?.latencyMs.median ?? 0) / (a?.latencyMs.median ?? 1)
    expect(Math.abs(Math.log(ofMedians / (ratio?.ratio ?? 0)))).toBeLessThan(0.3)
    for (const row of result.rows) {
      expect(row.latencyMs.runs).toBe(60)
      expect(row.latencyMs.low).toBeLessThanOrEqual(row.latencyMs.median)
      expect(row.latencyMs.high).toBeGreaterThanOrEqual(row.latencyMs.median)
      expect(row.latencyMs.p99).toBeGreaterThanOrEqual(row.latencyMs.p90)
      expect(row.throughput).toBeCloseTo((16 * 1000) / row.latencyMs.median, 6)
      expect(row.loadMs).toBeGreaterThan(0)
      expect(row.peakMemoryBytes).toBeGreaterThan(20_000_000)
      expect(row.energyJ === null).toBe(!result.energy.available)
    }
    expect(result.energy.source).toMatch(/^Energy .*\.$/)
    expect(context.stages).toContain('timing batch 16 on 1 thread')
    expect(context.fractions.at(-1)).toBeCloseTo(1, 9)
  })

  it('finds no difference between a model and itself', async () => {
    const twin = { ...small, hash: 'twin', name: 'twin' }
    const { ratios } = await benchmarkModels(
      { models: [small, twin], batches: [16], threads: [1], runs: 100 },
      testContext(folder),
    )
    expect(ratios[0]?.low).toBeLessThan(1.1)
    expect(ratios[0]?.high).toBeGreaterThan(0.9)
  })

  it('skips batches a model does not take, with a note', async () => {
    const result = await benchmarkModels(
      { models: [fixed, small], batches: [1, 4], threads: [1], runs: 5 },
      testContext(folder),
    )
    expect(result.rows.map(r => [r.model, r.batch])).toEqual([
      ['small', 1],
      ['fixed', 4],
      ['small', 4],
    ])
    expect(result.ratios.map(r => r.batch)).toEqual([4])
    expect(result.notes.map(n => n.message)).toEqual([
      'fixed takes 4 samples at a time only: it is not measured with batch 1.',
    ])
  })

  it('goes on without a model that cannot be opened, and refuses when none can', async () => {
    const path = join(folder, 'broken.onnx')
    writeFileSync(path, 'no model')
    const broken = { path, hash: 'broken', name: 'broken' }
    const result = await benchmarkModels(
      { models: [broken, small], batches: [1], threads: [1], runs: 5 },
      testContext(folder),
    )
    expect(result.rows.map(r => r.model)).toEqual(['small'])
    expect(result.notes[0]?.message).toContain('broken could not be measured: ONNX Runtime refuses the model')
    await expect(
      benchmarkModels({ models: [broken], batches: [1], threads: [1] }, testContext(folder)),
    ).rejects.toThrow('Nothing could be measured. broken could not be measured')
  })

  it('feeds real samples when there are any', async () => {
    const dataset = memoryDataset({
      inputs: { x: { shape: [128], values: new Float32Array(3 * 128).fill(1) } },
    })
    const result = await benchmarkModels(
      { models: [small], batches: [8], threads: [1], runs: 5, dataset },
      testContext(folder),
    )
    expect(dataset.largestBatch()).toBe(8)
    expect(result.rows[0]?.batch).toBe(8)
  })

  it('stops when cancelled', async () => {
    const context = testContext(folder)
    context.abort()
    await expect(
      benchmarkModels({ models: [small], batches: [1], threads: [1] }, context),
    ).rejects.toMatchObject({ code: 'cancelled' })
  })
})

describe('turns', () => {
  it('plan the same number of blocks for all, and about a second each', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 5000, noNaN: true }), { minLength: 1, maxLength: 5 }),
        usual => {
          const { blocks, runs } = planTurns(usual)
          expect(blocks).toBeGreaterThanOrEqual(5)
          expect(blocks).toBeLessThanOrEqual(100)
          usual.forEach((ms, i) => {
            const own = runs[i] ?? 0
            expect(own).toBeGreaterThanOrEqual(blocks)
            expect(own * ms).toBeLessThanOrEqual(Math.max(1000 + ms, blocks * ms))
          })
        },
      ),
    )
  })

  it('count exactly the runs asked for, every runner in every block', async () => {
    const calls: string[] = []
    let opened = 0
    const timed = await takeTurns({
      runs: 47,
      rounds: 8,
      next: () => 0.5,
      meter: openEnergyMeter('/nowhere'),
      open: async round => {
        expect(round).toBe(opened++)
        return ['a', 'b'].map(name => async () => {
          calls.push(name)
        })
      },
      pause: async () => {},
    })
    expect(opened).toBe(8)
    expect(timed.map(t => t.rounds.flat(2).length)).toEqual([47, 47])
    expect(timed.map(t => t.rounds.map(r => r.length))).toEqual([new Array(8).fill(5), new Array(8).fill(5)])
    // 47 counted, and one in each of the 40 turns that is not.
    expect(timed.map(t => t.allRuns)).toEqual([87, 87])
    expect(calls.filter(c => c === 'a').length).toBeGreaterThanOrEqual(97)
  })
})

describe('turns without a number of runs', () => {
  it('spend the whole plan on a fast runner, in every round', async () => {
    const open = async () => [async () => {}, async () => {}]
    const meter = openEnergyMeter('/nowhere')
    const timed = await takeTurns({ rounds: 8, next: () => 0.5, meter, open, pause: async () => {} })
    expect(timed.map(t => t.rounds.flat(2).length)).toEqual([1500, 1500])
    expect(timed[0]?.rounds.map(r => r.length)).toEqual([12, 13, 12, 13, 12, 13, 12, 13])
  })
})

describe('latencyRatio', () => {
  /** Eight rounds of two blocks; `bias` is what the round's session adds to every time. */
  const timed = (base: number, bias: (round: number) => number) => ({
    rounds: Array.from({ length: 8 }, (_, r) =>
      [0, 1].map(block => [0, 1, 2].map(i => base + bias(r) + 0.001 * (i + block))),
    ),
    joules: 0,
    allRuns: 0,
  })

  it('contains what differs from session to session', () => {
    const a = timed(1, r => 0.03 * Math.sin(r * 5))
    const b = timed(1, r => 0.03 * Math.cos(r * 3))
    const { low, high } = latencyRatio(a, b)
    expect(low).toBeLessThan(1)
    expect(high).toBeGreaterThan(1)
    // Blocks alone know nothing of it: of one round they show a difference that is only the session's.
    const one = (t: typeof a) => ({ ...t, rounds: t.rounds.slice(0, 1) })
    const single = latencyRatio(one(a), one(b))
    expect(single.low > 1 || single.high < 1).toBe(true)
  })

  it('is the geometric mean over rounds with the interval of Student', () => {
    const a = timed(1, () => 0)
    const b = timed(2, r => (r % 2 === 0 ? 0.1 : -0.1))
    const { ratio, low, high } = latencyRatio(a, b)
    const logs = [2.1, 1.9].map(x => Math.log((x + 0.0015) / 1.0015))
    const mean = ((logs[0] ?? 0) + (logs[1] ?? 0)) / 2
    expect(ratio).toBeCloseTo(Math.exp(mean), 9)
    const deviation = Math.sqrt((8 / 7) * ((logs[0] ?? 0) - mean) ** 2)
    expect(high / ratio).toBeCloseTo(Math.exp((2.3646 * deviation) / Math.sqrt(8)), 6)
    expect(low * high).toBeCloseTo(ratio * ratio, 9)
  })
})

describe('latency', () => {
  it('summarises times', () => {
    const stats = latencyStats(Array.from({ length: 100 }, (_, i) => i + 1))
    expect(stats).toMatchObject({ median: 50.5, iqr: 49.5, low: 40, high: 61, runs: 100 })
    expect(stats.p90).toBeCloseTo(90.1, 9)
    expect(stats.p99).toBeCloseTo(99.01, 9)
  })

  it('calls a warm-up stable only when it is', () => {
    expect(isStable([9, 8, 7, 6, 5, 4, 3, 2, 1, 1])).toBe(false)
    expect(isStable([9, 1, 1, 1, 1, 1, 1, 1, 1, 1.02])).toBe(true)
    expect(isStable([1, 1, 1])).toBe(false)
  })
})

describe('made-up inputs', () => {
  it('follow type and shape, and give equal names equal sizes', () => {
    const feeds = makeFeeds(
      [
        { name: 'image', type: 'float32', shape: ['N', '', 'height', 'width'] },
        { name: 'ids', type: 'int64', shape: ['N', 'sequence'] },
        { name: 'state', type: 'float32', shape: [2, 'N', 8] },
        { name: 'sr', type: 'int64', shape: [] },
        { name: 'half', type: 'float16', shape: [3] },
      ],
      5,
    )
    expect(Object.values(feeds).map(t => t.dims)).toEqual([[5, 3, 224, 224], [5, 128], [2, 5, 8], [], [3]])
    expect(feeds.sr?.data).toEqual(BigInt64Array.of(16000n))
    expect(feeds.half?.data).toBeInstanceOf(Uint16Array)
    expect(Array.from(feeds.ids?.data as BigInt64Array).every(v => v === 0n || v === 1n)).toBe(true)
    const image = feeds.image?.data as Float32Array
    expect(Math.min(...image.subarray(0, 1000))).toBeGreaterThanOrEqual(0)
    expect(Math.max(...image.subarray(0, 1000))).toBeLessThan(1)
  })

  it('know a fixed batch from a free one', () => {
    const info = (...shape: (number | string)[]) => ({ name: 'x', type: 'float32', shape })
    expect(fixedBatch([info(1, 3, 8, 8)])).toBe(1)
    expect(fixedBatch([info('N', 3)])).toBeNull()
    expect(fixedBatch([info(), info(2, 'N', 4), info('N', 4)])).toBeNull()
    expect(fixedBatch([info(), info(1, 4)])).toBe(1)
  })
})

describe('energy', () => {
  function counters(name: string, files: Record<string, string>): string {
    const root = join(folder, name)
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(root, path, '..'), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return root
  }

  it('adds packages, not their parts, and survives a counter that starts again', () => {
    const root = counters('rapl', {
      'intel-rapl:0/energy_uj': '1000000\n',
      'intel-rapl:0/max_energy_range_uj': '5000000\n',
      'intel-rapl:0:0/energy_uj': '7\n',
      'intel-rapl:1/energy_uj': '4500000\n',
      'intel-rapl:1/max_energy_range_uj': '5000000\n',
    })
    const meter = openEnergyMeter(root, 'linux')
    expect(meter.available).toBe(true)
    expect(meter.source).toBe(
      'Energy counters of the processor (RAPL, intel-rapl:0, intel-rapl:1): whole package, idle draw included.',
    )
    writeFileSync(join(root, 'intel-rapl:0/energy_uj'), '1250000')
    writeFileSync(join(root, 'intel-rapl:1/energy_uj'), '500000')
    expect(meter.lap()).toBeCloseTo(0.25 + 1, 9)
    expect(meter.lap()).toBe(0)
  })

  it('says in a sentence why there is none', () => {
    expect(openEnergyMeter(join(folder, 'none'), 'linux')).toMatchObject({
      available: false,
      source:
        'Energy is not available: this machine has no energy counters (virtual machines and many boards have none).',
    })
    expect(openEnergyMeter(folder, 'darwin').source).toBe(
      'Energy is not available: this system does not show the energy counters of the processor to programs.',
    )
  })

  it('says when the counters may not be read', () => {
    const root = counters('locked', { 'intel-rapl:0/max_energy_range_uj': '5\n' })
    expect(openEnergyMeter(root, 'linux').source).toContain('only the administrator may read them')
  })
})
