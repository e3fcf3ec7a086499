import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { dynamicInt8 } from '../dynamic-int8'
import { StaticDecisions, StaticOptions } from '../static/options'
import { staticInt8 } from '../static-int8'
import { arrayDataset, fusedOperators, normals, run, sqnr, testContext } from '../testing'
import { rowMagnitudes, smoothingScales } from './scales'
import { AlphaSearch } from './search'
import { withSmoothing } from './smooth'
import { channelStatistics } from './statistics'

const [T, C, F] = [5, 16, 32]
/** Channels of the normalizations' outputs that are this much larger than the others, and read by weights as small. */
const OUTLIERS = [3, 11]
const FACTOR = 80

const vector = (name: string, length: number, seed: number, offset = 0) =>
  makeTensor(
    name,
    'float32',
    [length],
    normals(length, seed, 0.2).map(v => v + offset),
  )

function weight(name: string, rows: number, columns: number, seed: number, outliers: boolean) {
  const data = normals(rows * columns, seed, 1 / Math.sqrt(rows))
  return makeTensor(
    name,
    'float32',
    [rows, columns],
    data.map((v, i) => (outliers && OUTLIERS.includes(Math.floor(i / columns)) ? v / FACTOR : v)),
  )
}

function gain(name: string, seed: number) {
  const values = normals(C, seed, 0.1).map((v, i) => (1 + v) * (OUTLIERS.includes(i) ? FACTOR : 1))
  return makeTensor(name, 'float32', [C], values)
}

/** A transformer block without its scores: LayerNorm → q, k → q·k, and a feed-forward part behind another. */
function block(opset = 17): Model {
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', T, C])],
    outputs: [makeValue('y', 'float32', ['n', T, C])],
    nodes: [
      makeNode('LayerNormalization', ['x', 'g1'], ['a'], { axis: -1n }),
      makeNode('MatMul', ['a', 'wq'], ['q']),
      makeNode('MatMul', ['a', 'wk'], ['k']),
      makeNode('Mul', ['q', 'k'], ['m']),
      makeNode('Tanh', ['m'], ['t']),
      makeNode('MatMul', ['t', 'wo'], ['o']),
      makeNode('Add', ['x', 'o'], ['r']),
      makeNode('LayerNormalization', ['r', 'g2'], ['b'], { axis: -1n }),
      makeNode('MatMul', ['b', 'w1'], ['f']),
      makeNode('Add', ['f', 'c1'], ['h']),
      makeNode('Relu', ['h'], ['i']),
      makeNode('MatMul', ['i', 'w2'], ['s']),
      // The output of a normalization that something else reads too, as in networks that normalize last.
      makeNode('Add', ['b', 's'], ['u']),
      makeNode('Mul', ['u', 'half'], ['y']),
    ],
    initializers: [
      gain('g1', 1),
      gain('g2', 2),
      weight('wq', C, C, 3, true),
      weight('wk', C, C, 4, true),
      weight('wo', C, C, 5, false),
      weight('w1', C, F, 6, true),
      weight('w2', F, C, 7, false),
      vector('c1', F, 8),
      makeTensor('half', 'float32', [1], Float32Array.of(0.5)),
    ],
  })
}

const SAMPLES = 24
const dataset = arrayDataset({ x: { dims: [SAMPLES, T, C], data: normals(SAMPLES * T * C, 9) } })
const feeds = { x: { type: 'float32' as const, dims: [4, T, C], data: normals(4 * T * C, 10) } }

async function plan(model: Model, options: Record<string, unknown>) {
  const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 1, threads: 1 }
  const made = await staticInt8.plan(
    input,
    StaticOptions.parse({ reduceRange: true, ...options }),
    testContext(),
  )
  return { made, decisions: StaticDecisions.parse(JSON.parse(JSON.stringify(made.decisions))) }
}

async function quality(model: Model, result: Model): Promise<number> {
  const [a, b] = [await run(model, feeds), await run(result, feeds)]
  return sqnr(a.y?.data as Float32Array, b.y?.data as Float32Array)
}

describe('smoothing', () => {
  test.each([17, 18])('changes nothing the float network computes (opset %d)', async opset => {
    const model = block(opset)
    for (const smooth of ['alpha', 'search']) {
      const { decisions } = await plan(model, { smooth })
      expect(decisions.smoothing.length).toBeGreaterThanOrEqual(2)
      const smoothed = withSmoothing(model, decisions.smoothing)
      checkModel(smoothed)
      const [a, b] = [await run(model, feeds), await run(smoothed, feeds)]
      const [before, after] = [a.y?.data as Float32Array, b.y?.data as Float32Array]
      const most = before.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
      before.forEach((v, i) => {
        expect(Math.abs(v - (after[i] as number))).toBeLessThan(1e-5 * most)
      })
    }
  })

  test('folds into the normalization that q and k share, else inserts a Mul', async () => {
    const { made, decisions } = await plan(block(), { smooth: 'alpha' })
    const folded = Object.fromEntries(decisions.smoothing.map(s => [s.value, s.folded]))
    expect(folded).toEqual({ i: true, b: false, t: false, a: true })
    expect(decisions.smoothing.find(s => s.value === 'a')?.readers).toEqual(['q', 'k'])
    expect(made.notes.find(n => n.code === 'smoothed')?.message).toContain('2 of them by a Mul of their own')
    const without = await plan(block(), { smooth: 'alpha', smoothInsert: false })
    expect(without.decisions.smoothing.map(s => s.value)).toEqual(['i', 'a'])
    const notes = without.made.notes.filter(n => n.code === 'not-smoothed').map(n => n.message)
    expect(notes).toEqual([
      'b is not smoothed: Add → u reads its input too.',
      't is not smoothed: Tanh → t before it has no constant per channel.',
    ])
  })

  test('brings back what outlier channels take', async () => {
    const model = block()
    const dB: Record<string, number> = {}
    for (const smooth of ['none', 'alpha', 'search']) {
      const { made } = await plan(model, { smooth })
      const result = await staticInt8.apply(model, made)
      dB[smooth] = await quality(model, result)
      expect(await fusedOperators(result)).toMatchObject({ MatMulIntegerToFloat: 5 })
    }
    expect(dB.alpha).toBeGreaterThan((dB.none ?? 0) + 8)
    expect(dB.search).toBeGreaterThan((dB.none ?? 0) + 8)
  })

  test('a plan replays to the same bytes', async () => {
    const model = block()
    const { made } = await plan(model, { smooth: 'search' })
    const again = JSON.parse(JSON.stringify(made))
    expect(serialize(await staticInt8.apply(block(), again))).toEqual(
      serialize(await staticInt8.apply(model, made)),
    )
  })

  test('mends dynamic int8 too, from data alone', async () => {
    const model = block()
    const dB: number[] = []
    for (const smooth of ['none', 'alpha']) {
      const options = dynamicInt8.options.parse({ reduceRange: true, smooth })
      const calibration = { dataset, indices: dataset.indices('all') }
      const made = await dynamicInt8.plan({ model, calibration, seed: 1, threads: 1 }, options, testContext())
      dB.push(await quality(model, await dynamicInt8.apply(model, JSON.parse(JSON.stringify(made)))))
    }
    expect(dB[1]).toBeGreaterThan((dB[0] ?? 0) + 8)
    const options = dynamicInt8.options.parse({ smooth: 'search' })
    await expect(dynamicInt8.plan({ model, seed: 1, threads: 1 }, options, testContext())).rejects.toThrow(
      'Smoothing is measured on samples, and there are none.',
    )
  })

  test('says so where nothing can be smoothed', async () => {
    const { made, decisions } = await plan(block(), {
      smooth: 'alpha',
      exclude: ['q', 'k', 'o', 's'],
      smoothInsert: false,
    })
    expect(decisions.smoothing).toEqual([])
    expect(made.notes.some(n => n.code === 'nothing-to-smooth')).toBe(true)
  })
})

describe('the parts', () => {
  test('scales follow the paper, and are 1 where nothing is read', () => {
    const channels = { min: Float32Array.of(-8, 0, -1), max: Float32Array.of(2, 0, 4) }
    const weights = [{ values: Float32Array.of(0.5, -2, 1, 1, 0.25, 0.1), outputs: 2 }]
    const magnitudes = rowMagnitudes(weights, 3)
    expect([...magnitudes]).toEqual([2, 1, 0.25])
    expect([...smoothingScales(channels, magnitudes, 0.5)]).toEqual([2, 1, 4])
    expect(smoothingScales(channels, magnitudes, 1)[0]).toBe(8)
    expect(smoothingScales(channels, magnitudes, 0)[0]).toBe(0.5)
  })

  test('channels are measured over all samples, and rows are of the value', async () => {
    const model = block()
    const all = await run(makeModel({ ...block17('a') }), {
      x: { type: 'float32', dims: [SAMPLES, T, C], data: normals(SAMPLES * T * C, 9) },
    })
    const data = all.a?.data as Float32Array
    const values = new Map([['a', C]])
    const samples = { dataset, indices: dataset.indices('all'), threads: 1 }
    const found = (await channelStatistics(model, values, samples, true, testContext())).get('a')
    for (let c = 0; c < C; c++) {
      const column = data.filter((_, i) => i % C === c)
      expect(found?.max[c]).toBeCloseTo(Math.max(...column), 3)
      expect(found?.min[c]).toBeCloseTo(Math.min(...column), 3)
    }
    const rows = found?.rows ?? new Float32Array()
    expect(rows.length).toBeGreaterThanOrEqual(256 * C)
    const known = new Set(Array.from({ length: SAMPLES * T }, (_, r) => data[r * C]?.toFixed(3)))
    for (let r = 0; r < rows.length; r += C) expect(known.has(rows[r]?.toFixed(3))).toBe(true)
  })

  test('the error of the search is that of rounding both sides', async () => {
    const rows = normals(40 * 4, 1).map((v, i) => (i % 4 === 2 ? 30 * v : v)) as Float32Array<ArrayBuffer>
    const column = (c: number) => rows.filter((_, i) => i % 4 === c)
    const statistics = {
      rows,
      min: Float32Array.from({ length: 4 }, (_, c) => Math.min(...column(c))),
      max: Float32Array.from({ length: 4 }, (_, c) => Math.max(...column(c))),
    }
    const weights = [{ values: normals(12, 2) as Float32Array<ArrayBuffer>, outputs: 3 }]
    const scales = Float32Array.of(1, 0.5, 6, 2)
    const search = await AlphaSearch.open({ perChannel: true, symmetric: false, reduced: false }, 1)
    try {
      const found = await search.error(statistics, weights, scales)
      expect(found).toBeCloseTo(byHand(statistics, weights[0]?.values ?? new Float32Array(), scales), 6)
      const best = await search.best(statistics, weights, testContext())
      expect(best.alpha).not.toBeNull()
      expect(best.error).toBeLessThan(0.3 * best.unsmoothed)
    } finally {
      await search.close()
    }
  })
})

function byHand(
  { rows, min, max }: { rows: Float32Array; min: Float32Array; max: Float32Array },
  w: Float32Array,
  s: Float32Array,
): number {
  const low = Math.min(0, ...s.map((v, k) => (min[k] ?? 0) / v))
  const high = Math.max(0, ...s.map((v, k) => (max[k] ?? 0) / v))
  const step = (high - low) / 255
  const zero = Math.round(-low / step)
  let [error, signal] = [0, 0]
  for (let r = 0; r < rows.length / 4; r++) {
    for (let n = 0; n < 3; n++) {
      const levels = [0, 1, 2, 3].map(k => Math.abs((w[k * 3 + n] ?? 0) * (s[k] ?? 0)))
      const wstep = Math.max(...levels) / 127
      let [exact, coded] = [0, 0]
      for (let k = 0; k < 4; k++) {
        const [x, wk] = [rows[r * 4 + k] ?? 0, w[k * 3 + n] ?? 0]
        exact += x * wk
        const q = Math.min(255 - zero, Math.max(-zero, Math.round(x / (s[k] ?? 1) / step)))
        coded += q * step * Math.round((wk * (s[k] ?? 1)) / wstep) * wstep
      }
      error += (exact - coded) ** 2
      signal += exact ** 2
    }
  }
  return error / signal
}

/** The block up to one of its values. */
function block17(output: string) {
  return {
    opset: 17,
    inputs: [makeValue('x', 'float32', ['n', T, C])],
    outputs: [makeValue(output, 'float32', ['n', T, C])],
    nodes: [makeNode('LayerNormalization', ['x', 'g1'], ['a'], { axis: -1n })],
    initializers: [gain('g1', 1)],
  }
}
