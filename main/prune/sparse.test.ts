import { describe, expect, test } from 'vitest'
import { PruneMagnitudeOptions, PruneNMOptions } from '../../shared/prune'
import type { TrainingRecord } from '../../shared/training'
import { memoryDataset, weights } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { liftConstants } from '../onnx/passes/lift-constants'
import { makeTensor, tensorBytes } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { normals, run } from '../quantize/testing'
import type { ApplyInput, PlanInput } from '../technique'
import { spiral, spiralNet, trainingContext } from '../training/testing'
import { pruneMagnitude } from './magnitude'
import { pruneNM } from './n-m'
import { readWeight, SparseDecisions } from './sparse'

const { context } = trainingContext()
const threads = 1
const magnitude = (o: Partial<PruneMagnitudeOptions> = {}) => PruneMagnitudeOptions.parse(o)
const pattern = (o: Partial<PruneNMOptions> = {}) => PruneNMOptions.parse(o)
const share = (model: Model, name: string) => {
  const values = readWeight(model, name)
  return values.filter(v => v === 0).length / values.length
}

/** x [N, 8, 6, 6] → convolution, grouped, depthwise and transposed ones → mean → MatMul with a Constant → y. */
function network(): Model {
  const value = (seed: number) => {
    const list = normals(4096, seed)
    return (i: number) => list[i] ?? 0
  }
  return makeModel({
    nodes: [
      makeNode('Conv', ['x', 'conv', 'bias'], ['a'], { pads: [1n, 1n, 1n, 1n] }, { name: 'conv' }),
      makeNode('Conv', ['a', 'grouped'], ['b'], { group: 2n }, { name: 'grouped' }),
      makeNode('Conv', ['b', 'depthwise'], ['c'], { group: 16n }, { name: 'depthwise' }),
      makeNode('ConvTranspose', ['c', 'transposed'], ['d'], {}, { name: 'transposed' }),
      makeNode('GlobalAveragePool', ['d'], ['e'], {}, { name: 'pool' }),
      makeNode('Flatten', ['e'], ['f'], {}, { name: 'flatten' }),
      makeNode('Gemm', ['f', 'gemm'], ['g'], { transB: 1n }, { name: 'gemm' }),
      makeNode('Constant', [], ['matmul'], { value: weights('', [8, 12], value(6)) }, { name: 'constant' }),
      makeNode('MatMul', ['g', 'matmul'], ['y'], {}, { name: 'matmul' }),
    ],
    inputs: [makeValue('x', 'float32', ['N', 8, 6, 6])],
    outputs: [makeValue('y', 'float32', ['N', 12])],
    initializers: [
      weights('conv', [16, 8, 3, 3], value(1)),
      weights('bias', [16], value(2)),
      weights('grouped', [16, 8, 3, 3], value(3)),
      weights('depthwise', [16, 1, 3, 3], value(4)),
      weights('transposed', [16, 4, 2, 2], value(5)),
      weights('gemm', [8, 4], value(7)),
    ],
  })
}

const NAMES = ['conv', 'grouped', 'depthwise', 'transposed', 'gemm', 'matmul']
const planOf = (o: Partial<PruneMagnitudeOptions>, input: Partial<PlanInput> = {}) =>
  pruneMagnitude.plan({ model: network(), seed: 0, threads, ...input }, magnitude(o), context)

describe('magnitude', () => {
  test('every layer loses exactly the share, its smallest weights; the answer stays finite', async () => {
    const plan = await planOf({ amount: 0.75 })
    const model = await pruneMagnitude.apply(network(), plan)
    for (const name of NAMES) expect(share(model, name)).toBe(0.75)
    expect(share(model, 'bias')).toBe(0)
    const before = readWeight(network(), 'conv')
    const after = readWeight(model, 'conv')
    const gone = [...before].filter((_, i) => after[i] === 0).map(Math.abs)
    const kept = [...after].filter(v => v !== 0).map(Math.abs)
    expect(Math.max(...gone)).toBeLessThanOrEqual(Math.min(...kept))
    const { y } = await run(model, {
      x: { type: 'float32', dims: [2, 8, 6, 6], data: normals(576, 9) },
    })
    expect(y?.dims).toEqual([2, 12])
    const decisions = SparseDecisions.parse(plan.decisions)
    expect(decisions.sparsity).toBe(0.75)
    expect(decisions.after).toEqual(decisions.before)
    expect(decisions.changes.find(c => c.id === 'conv')).toEqual({
      ...{ id: 'conv', kind: 'weights', nodes: ['conv'], from: 1152, to: 288 },
      ...{ frees: { parameters: 0, macs: 0 }, milliseconds: null },
    })
    expect(decisions.compressedBytes.after).toBeLessThan(0.5 * decisions.compressedBytes.before)
    expect(plan.notes.map(n => n.code)).toEqual(['pruned', 'not-faster', 'compressed-size'])
  })

  test('global: the share of all together, the smallest wherever they are', async () => {
    const plan = await planOf({ amount: 0.6, scope: 'global' })
    const model = await pruneMagnitude.apply(network(), plan)
    const { model: original } = await liftConstants.run(network())
    const all = NAMES.flatMap(name => [...readWeight(original, name)].map((v, i) => ({ v, name, i })))
    const zeros = NAMES.reduce((n, name) => n + readWeight(model, name).filter(v => v === 0).length, 0)
    expect(zeros).toBe(Math.round(0.6 * all.length))
    const threshold = all.map(({ v }) => Math.abs(v)).sort((a, b) => a - b)[zeros] ?? 0
    for (const { v, name, i } of all) expect(readWeight(model, name)[i] === 0).toBe(Math.abs(v) < threshold)
  })

  test('applying twice gives the same bytes; a float16 weight stays one', async () => {
    const plan = await planOf({})
    const twice = [await pruneMagnitude.apply(network(), plan), await pruneMagnitude.apply(network(), plan)]
    const [a, b] = twice.map(serialize)
    expect(a).toEqual(b)
    const half = makeModel({
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float16', [1, 2])],
      outputs: [makeValue('y', 'float16', [1, 2])],
      initializers: [makeTensor('w', 'float16', [2, 2], [1, -4, 3, 0.5])],
    })
    const made = await pruneMagnitude.plan({ model: half, seed: 0, threads }, magnitude(), context)
    const tensor = (await pruneMagnitude.apply(half, made)).graph.initializer('w')
    expect(tensor?.dataType).toBe(10)
    expect([...readWeight(await pruneMagnitude.apply(half, made), 'w')]).toEqual([0, -4, 3, 0])
  })

  test('wanda keeps what active inputs are multiplied with, the same share of every output, without data when applied', async () => {
    const model = makeModel({
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'], {}, { name: 'dense' })],
      inputs: [makeValue('x', 'float32', ['N', 4])],
      outputs: [makeValue('y', 'float32', ['N', 3])],
      initializers: [makeTensor('w', 'float32', [4, 3], [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])],
    })
    const dataset = memoryDataset({
      inputs: { x: { shape: [4], values: Float32Array.of(10, 1, 0.1, 0.01, 10, 1, 0.1, 0.01) } },
    })
    const calibration = { dataset, indices: dataset.indices('all') }
    const input = { model, calibration, seed: 0, threads }
    const plan = await pruneMagnitude.plan(input, magnitude({ score: 'wanda' }), context)
    const kept = [...readWeight(await pruneMagnitude.apply(model, plan), 'w')]
    expect(kept).toEqual([1, 1, 1, 2, 2, 2, 0, 0, 0, 0, 0, 0])
    expect(plan.decisions.samples).toBe(2)
    const plain = await pruneMagnitude.plan(input, magnitude(), context)
    expect([...readWeight(await pruneMagnitude.apply(model, plain), 'w')]).toEqual([
      0, 0, 0, 0, 0, 0, 3, 3, 3, 4, 4, 4,
    ])
  })

  test('wanda measures every layer of convolutions, groups and products', async () => {
    const dataset = memoryDataset({ inputs: { x: { shape: [8, 6, 6], values: normals(288 * 6, 3) } } })
    const calibration = { dataset, indices: dataset.indices('all') }
    const plan = await planOf({ score: 'wanda', amount: 0.5 }, { calibration })
    const decisions = SparseDecisions.parse(plan.decisions)
    expect(decisions.weights.map(w => Buffer.from(w.norms ?? '', 'base64').length / 4)).toEqual([
      8, 16, 16, 16, 4, 8,
    ])
    const model = await pruneMagnitude.apply(network(), plan)
    for (const name of NAMES) expect(share(model, name)).toBe(0.5)
    const rows = readWeight(model, 'conv')
    for (let o = 0; o < 16; o++)
      expect(rows.subarray(72 * o, 72 * (o + 1)).filter(v => v === 0).length).toBe(36)
  })
})

describe('N of M', () => {
  test('holds along input channels of convolutions and the summed axis of products; what cannot be divided stays', async () => {
    const plan = await pruneNM.plan({ model: network(), seed: 0, threads }, pattern(), context)
    const model = await pruneNM.apply(network(), plan)
    const conv = readWeight(model, 'conv')
    const grouped = readWeight(model, 'grouped')
    for (let o = 0; o < 16; o++)
      for (let block = 0; block < 2; block++)
        for (let tap = 0; tap < 9; tap++) {
          const at = [0, 1, 2, 3].map(k => (o * 8 + block * 4 + k) * 9 + tap)
          expect(at.filter(i => conv[i] === 0).length).toBe(2)
          expect(at.filter(i => grouped[i] === 0).length).toBe(2)
        }
    const product = readWeight(model, 'matmul')
    const { model: original } = await liftConstants.run(network())
    for (let column = 0; column < 12; column++)
      for (let block = 0; block < 2; block++) {
        const at = [0, 1, 2, 3].map(k => (block * 4 + k) * 12 + column)
        expect(at.filter(i => product[i] === 0).length).toBe(2)
        const before = at.map(i => Math.abs(readWeight(original, 'matmul')[i] ?? 0)).sort((a, b) => b - a)
        expect(
          at
            .map(i => Math.abs(product[i] ?? 0))
            .sort((a, b) => b - a)
            .slice(0, 2),
        ).toEqual(before.slice(0, 2))
      }
    expect(share(model, 'depthwise')).toBe(0)
    expect(plan.notes.at(-1)).toEqual({
      code: 'not-pruned',
      severity: 'info',
      node: 'depthwise',
      message: 'The weight depthwise stays whole: its 1 input cannot be divided by 4.',
    })
    expect(serialize(await pruneNM.apply(network(), plan))).toEqual(serialize(model))
  })

  test('refuses N that is not less than M, models without weights, and quantized ones', async () => {
    const planned = (model: Model, o: Partial<PruneNMOptions>) =>
      pruneNM.plan({ model, seed: 0, threads }, pattern(o), context)
    await expect(planned(network(), { n: 4, m: 4 })).rejects.toThrow(
      '4 of 4 weights cannot stay: N must be less than M.',
    )
    const ports = {
      inputs: [makeValue('x', 'float32', [1, 4])],
      outputs: [makeValue('y', 'float32', [1, 4])],
    }
    const bare = makeModel({ nodes: [makeNode('Relu', ['x'], ['y'])], ...ports })
    await expect(planned(bare, {})).rejects.toThrow('The model has no weights that can be pruned.')
    const quantized = makeModel({
      nodes: [makeNode('DequantizeLinear', ['q', 's'], ['w']), makeNode('MatMul', ['x', 'w'], ['y'])],
      ...ports,
      initializers: [
        makeTensor('q', 'int8', [4, 4], Array(16).fill(1)),
        makeTensor('s', 'float32', [], [0.1]),
      ],
    })
    await expect(planned(quantized, {})).rejects.toThrow(
      'The model is quantized: prune the float model, and quantize the result.',
    )
    await expect(planned(network(), { exclude: ['nothing'] })).rejects.toThrow(
      'Nothing that could be pruned is called nothing.',
    )
  })
})

describe('recovery', () => {
  test('zeros stay zero while the rest learns, and grow round by round', async () => {
    const dataset = spiral(120)
    const training = { dataset, indices: dataset.indices('all') }
    const model = spiralNet()
    const options = magnitude({ amount: 0.6, recover: 2, steps: 3, batch: 30 })
    const plan = await pruneMagnitude.plan(
      { model, training, seed: 3, threads, device: 'cpu' },
      options,
      context,
    )
    let record: TrainingRecord | undefined
    const own = trainingContext()
    const input: ApplyInput = {
      ...{ training, threads, device: 'cpu', context: own.context },
      record: told => {
        record = told
      },
    }
    const made = await pruneMagnitude.apply(model, plan, input)
    // Rounds that are over are taken up where they were.
    expect(serialize(await pruneMagnitude.apply(model, plan, input))).toEqual(serialize(made))
    own.clean()
    for (const name of ['w0', 'w1', 'w2']) {
      const zeros = Math.round(0.6 * readWeight(model, name).length)
      expect(readWeight(made, name).filter(v => v === 0).length).toBe(zeros)
    }
    // Those of the first round are the smallest of the original.
    const first = [...readWeight(model, 'w1')]
      .map((v, i) => ({ v: Math.abs(v), i }))
      .sort((a, b) => a.v - b.v)
    const early = first.slice(0, Math.round((1 - (2 / 3) ** 3) * Math.round(0.6 * 1024)))
    expect(early.every(({ i }) => readWeight(made, 'w1')[i] === 0)).toBe(true)
    expect(readWeight(made, 'w1')).not.toEqual(readWeight(model, 'w1'))
    expect(made.graph.nodes.map(n => n.opType)).toEqual(model.graph.nodes.map(n => n.opType))
    expect([...made.graph.initializers()].map(t => t.name)).toEqual(['w0', 'b0', 'w1', 'b1', 'w2', 'b2'])
    expect(record?.epochs.length).toBe(6)
    const bias = made.graph.initializer('b1')
    expect(bias && tensorBytes(bias, null)).not.toEqual(new Uint8Array(128))
  })
})
