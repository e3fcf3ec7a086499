import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { openDataset } from '../data/open'
import { Random } from '../data/random'
import type { Feeds } from '../measure/inputs'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { type PairSuggestion, suggestPairs } from './pairs'
import { matchInOrder, spread } from './pairs-match'
import { Alignment, centredGram } from './similarity'

const file = (path: string) => readModel(fileURLToPath(new URL(`../../${path}`, import.meta.url)))

async function digits(teacher: Model): Promise<Feeds[]> {
  const dataset = await openDataset(DatasetSpec.parse({ source: 'sample:digits' }), modelInputs(teacher))
  const indices = Array.from({ length: 256 }, (_, i) => i)
  return Promise.all([0, 64, 128, 192].map(async i => (await dataset.batch(indices.slice(i, i + 64))).feeds))
}

function ids(seed: number): Feeds {
  const random = new Random(seed)
  const dims = [16, 6]
  return {
    ids: { type: 'int64', dims, data: BigInt64Array.from({ length: 96 }, () => BigInt(random.below(20))) },
    mask: {
      type: 'float32',
      dims,
      data: Float32Array.from({ length: 96 }, (_, i) => (i % 6 < 4 + (i % 4 === 0 ? 1 : 0) ? 1 : 0)),
    },
  }
}

const sameNames = (pairs: readonly PairSuggestion[]) => pairs.every(pair => pair.teacher === pair.student)

describe('suggestPairs', () => {
  it('maps every tensor of a model to itself in its copy, with a similarity of 1', async () => {
    const teacher = await file('samples/digits-teacher.onnx')
    const batches = await digits(teacher)
    const started = performance.now()
    const pairs = await suggestPairs({ teacher, student: copyModel(teacher), batches, threads: 1 })
    expect(performance.now() - started).toBeLessThan(5000)
    expect(pairs.map(p => p.teacher).sort()).toEqual(['pool1', 'pool2', 'relu1', 'relu2', 'relu3'])
    expect(sameNames(pairs)).toBe(true)
    for (const pair of pairs) {
      expect(pair.kind).toBe('hint')
      expect(pair.similarity).toBeCloseTo(1, 6)
      expect(pair.projector).toBe(false)
    }
  })

  it('does so for a transformer, its attention and values included', async () => {
    const teacher = await file('main/onnx/fixtures/transformer.dynamo.onnx')
    const types = new Map(modelInputs(teacher).map(i => [i.name, i.type]))
    expect([...types.keys()]).toEqual(['ids', 'mask'])
    const pairs = await suggestPairs({
      teacher,
      student: copyModel(teacher),
      batches: [ids(1), ids(2)],
      threads: 1,
    })
    expect(sameNames(pairs)).toBe(true)
    for (const pair of pairs) expect(pair.similarity).toBeCloseTo(1, 5)
    const count = (kind: string) => pairs.filter(p => p.kind === kind).length
    expect([count('hint'), count('attention-matrix'), count('value-relation')]).toEqual([7, 2, 2])
  })

  it('keeps the order of both nets, tells where a projector is needed, and ranks by similarity', async () => {
    const teacher = mlp([4, 32, 32, 32, 3], 1)
    const student = mlp([4, 8, 8, 3], 2)
    const random = new Random(3)
    const batches = [0, 1].map(() => ({
      x: {
        type: 'float32' as const,
        dims: [64, 4],
        data: Float32Array.from({ length: 256 }, () => random.unit() - 0.5),
      },
    }))
    const pairs = await suggestPairs({ teacher, student, batches, threads: 1 })
    expect(pairs).toHaveLength(2)
    const similarities = pairs.map(p => p.similarity ?? Number.NaN)
    expect(similarities).toEqual([...similarities].sort((a, b) => b - a))
    expect(similarities.every(s => s > 0.2 && s < 1)).toBe(true)
    expect(pairs.every(p => p.projector)).toBe(true)
    const order = [...pairs].sort((a, b) => (a.student < b.student ? -1 : 1)).map(p => p.teacher)
    expect(order).toEqual([...order].sort())
    expect(new Set(order).size).toBe(2)
  })

  it('goes by shape and place alone without samples, or with too few', async () => {
    const model = mlp([4, 8, 8, 3], 1)
    const few: Feeds = { x: { type: 'float32', dims: [3, 4], data: new Float32Array(12) } }
    for (const batches of [[], [few]]) {
      const pairs = await suggestPairs({ teacher: model, student: copyModel(model), batches, threads: 1 })
      expect(pairs.map(p => [p.teacher, p.student, p.similarity])).toEqual([
        ['r1', 'r1', null],
        ['r2', 'r2', null],
      ])
    }
  })

  it('takes batches apart for models of a fixed number of samples, and pairs at most `limit` of a kind', async () => {
    const model = mlp([4, 8, 8, 8, 8, 3], 1, 8)
    const random = new Random(3)
    const data = Float32Array.from({ length: 128 }, () => random.unit() - 0.5)
    const batches: Feeds[] = [{ x: { type: 'float32', dims: [32, 4], data } }]
    const pairs = await suggestPairs({
      teacher: model,
      student: copyModel(model),
      batches,
      threads: 1,
      limit: 3,
    })
    expect(pairs.map(p => p.teacher).sort()).toEqual(['r1', 'r3', 'r4'])
    for (const pair of pairs) expect(pair.similarity).toBeCloseTo(1, 6)
  })
})

/** Gemm and Relu for each width. */
function mlp(widths: number[], seed: number, batch: number | string = 'n'): Model {
  const random = new Random(seed)
  const layers = widths.slice(1).map((to, i) => ({ to, from: widths[i] ?? 1, i: i + 1 }))
  return makeModel({
    nodes: layers.flatMap(({ i }) => [
      makeNode('Gemm', [i === 1 ? 'x' : `r${i - 1}`, `w${i}`], [i === layers.length ? 'y' : `g${i}`]),
      ...(i === layers.length ? [] : [makeNode('Relu', [`g${i}`], [`r${i}`])]),
    ]),
    inputs: [makeValue('x', 'float32', [batch, widths[0] ?? 1])],
    outputs: [makeValue('y', 'float32', [batch, widths.at(-1) ?? 1])],
    initializers: layers.map(({ from, to, i }) =>
      makeTensor(
        `w${i}`,
        'float32',
        [from, to],
        Float32Array.from({ length: from * to }, () => random.unit() - 0.5),
      ),
    ),
  })
}

describe('similarity', () => {
  const gram = (rows: number[][]) =>
    rows.flatMap(a => rows.map(b => a.reduce((sum, v, i) => sum + v * (b[i] ?? 0), 0)))

  it('is the unbiased estimate of HSIC, written out', () => {
    const random = new Random(1)
    const rows = (width: number) =>
      Array.from({ length: 6 }, () => Array.from({ length: width }, () => random.unit()))
    const [k, l] = [gram(rows(3)), gram(rows(5))]
    const n = 6
    const off = (m: number[], i: number, j: number) => (i === j ? 0 : (m[i * n + j] ?? 0))
    const all = [...Array(n).keys()]
    const sum = (f: (i: number, j: number) => number) =>
      all.reduce((s, i) => s + all.reduce((t, j) => t + f(i, j), 0), 0)
    const trace = sum((i, j) => off(k, i, j) * off(l, j, i))
    const totals = sum((i, j) => off(k, i, j)) * sum((i, j) => off(l, i, j))
    const mixed = sum((i, j) => all.reduce((s, q) => s + off(k, i, q) * off(l, q, j), 0))
    const expected = (trace + totals / ((n - 1) * (n - 2)) - (2 / (n - 2)) * mixed) / (n * (n - 3))
    const [a, b] = [centredGram(k, n) ?? [], centredGram(l, n) ?? []]
    expect(Array.from(a).reduce((s, v, i) => s + v * (b[i] ?? Number.NaN), 0)).toBeCloseTo(expected, 12)
  })

  it('is 1 for features turned and scaled, near 0 for unrelated ones, 0 for those that do not vary', () => {
    const random = new Random(2)
    const x = Array.from({ length: 100 }, () => [random.unit(), random.unit()])
    const turned = x.map(([a = 0, b = 0]) => [3 * b, -3 * a])
    const other = x.map(() => [random.unit(), random.unit()])
    const flat = x.map(() => [1, 1])
    const grams = [x, turned, other, flat].map(rows => centredGram(gram(rows), 100))
    const alignment = new Alignment(1, 4)
    alignment.add(grams.slice(0, 1), grams)
    expect(alignment.cka(0, 0)).toBeCloseTo(1, 9)
    expect(alignment.cka(0, 1)).toBeCloseTo(1, 9)
    expect(alignment.cka(0, 2)).toBeLessThan(0.1)
    expect(alignment.cka(0, 3)).toBe(0)
  })

  it('does not take part where a number is not finite', () => {
    expect(centredGram([0, Number.NaN, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4)).toBeUndefined()
    const alignment = new Alignment(1, 1)
    alignment.add([undefined], [undefined])
    expect(alignment.cka(0, 0)).toBe(0)
  })
})

it('matching keeps the order of both and takes the best sum', () => {
  const table = [
    [0.9, 0.8, 0],
    [0.95, 0.1, 0.2],
    [0, 0, 0.7],
  ]
  const pairs = matchInOrder(3, 3, (i, j) => table[i]?.[j] || undefined)
  expect(pairs).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ])
  expect(matchInOrder(2, 2, (i, j) => (i === j ? undefined : 1))).toHaveLength(1)
  expect(matchInOrder(0, 3, () => 1)).toEqual([])
  expect(spread([0, 1, 2, 3, 4, 5, 6], 3)).toEqual([0, 3, 6])
  expect(spread([0, 1], 3)).toEqual([0, 1])
})
