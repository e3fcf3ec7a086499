import { describe, expect, test } from 'vitest'
import { PruneLowRankOptions } from '../../../shared/prune'
import { memoryDataset } from '../../measure/testing'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { normals, run } from '../../quantize/testing'
import type { Tensor } from '../../runtime/tensor'
import { difference } from '../../structure/testing'
import type { ApplyInput } from '../../technique'
import { trainingContext } from '../../training/testing'
import { factorsOf, matrixOf, singularSquares } from './factor'
import { findLayers } from './layers'
import { pruneLowRank } from './low-rank'
import { type Matrix, matrix, times } from './matrix'
import { LowRankDecisions } from './plan'
import { globalRanks } from './ranks'

const { context } = trainingContext()
const threads = 1
const options = (o: Partial<PruneLowRankOptions> = {}) => PruneLowRankOptions.parse(o)
const random = (rows: number, columns: number, seed: number) =>
  matrix(rows, columns, Float64Array.from(normals(rows * columns, seed)))
const low = (rows: number, columns: number, rank: number, seed: number) =>
  times(random(rows, rank, seed), random(rank, columns, seed + 100))
const weight = (name: string, dims: number[], { data }: Matrix, scale = 1) =>
  makeTensor(
    name,
    'float32',
    dims,
    Float32Array.from(data, v => v * scale),
  )

/** Convolutions of 3 × 3, 1 × 1 and 1-D stride, then dense layers both ways round; all of rank 4 where `exact`. */
function network(exact: boolean): Model {
  const make = (rows: number, columns: number, seed: number) =>
    exact ? low(rows, columns, 4, seed) : random(rows, columns, seed)
  return makeModel({
    nodes: [
      makeNode(
        'Conv',
        ['x', 'c1', 'b1'],
        ['h1'],
        { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n], strides: [2n, 2n] },
        { name: 'conv' },
      ),
      makeNode('Conv', ['h1', 'c2'], ['h2'], {}, { name: 'pointwise' }),
      makeNode('GlobalAveragePool', ['h2'], ['h3'], {}, { name: 'pool' }),
      makeNode('Flatten', ['h3'], ['h4'], {}, { name: 'flatten' }),
      makeNode('Gemm', ['h4', 'g1', 'b2'], ['h5'], { transB: 1n, alpha: 0.5 }, { name: 'gemm' }),
      makeNode('MatMul', ['h5', 'm1'], ['h6'], {}, { name: 'matmul' }),
      makeNode('Transpose', ['t1'], ['t1t'], { perm: [1n, 0n] }, { name: 'turn' }),
      makeNode('MatMul', ['h6', 't1t'], ['y'], {}, { name: 'turned' }),
    ],
    inputs: [makeValue('x', 'float32', ['N', 16, 9, 9])],
    outputs: [makeValue('y', 'float32', ['N', 24])],
    initializers: [
      weight('c1', [32, 16, 3, 3], make(32, 144, 1), 0.05),
      weight('b1', [32], random(1, 32, 2)),
      weight('c2', [48, 32, 1, 1], make(48, 32, 3), 0.1),
      weight('g1', [40, 48], make(40, 48, 4), 0.1),
      weight('b2', [40], random(1, 40, 5)),
      weight('m1', [40, 56], make(40, 56, 6), 0.1),
      weight('t1', [24, 56], make(24, 56, 7), 0.1),
    ],
  })
}

const feeds = (count = 3): Record<string, Tensor> => ({
  x: { type: 'float32', dims: [count, 16, 9, 9], data: normals(count * 16 * 81, 8) },
})
const planned = (model: Model, o: Partial<PruneLowRankOptions>) =>
  pruneLowRank.plan({ model, seed: 0, threads }, options(o), context)

describe('low rank', () => {
  test('what is of low rank comes out the same for fewer multiply-accumulates; twice the same bytes', async () => {
    const model = network(true)
    const plan = await planned(model, { amount: 0.6 })
    const decisions = LowRankDecisions.parse(plan.decisions)
    for (const layer of decisions.layers) expect(layer.energy).toBeGreaterThan(1 - 1e-9)
    const made = await pruneLowRank.apply(model, plan)
    expect(difference(await run(model, feeds()), await run(made, feeds()))).toBeLessThan(1e-5)
    expect(decisions.after.macs / decisions.before.macs).toBeGreaterThan(0.37)
    expect(decisions.after.macs / decisions.before.macs).toBeLessThan(0.45)
    expect(decisions.after.parameters).toBeLessThan(decisions.before.parameters)
    expect(serialize(await pruneLowRank.apply(model, plan))).toEqual(serialize(made))
    const names = made.graph.nodes.map(node => node.name)
    expect(names).toEqual(expect.arrayContaining(['conv.u', 'conv', 'gemm']))
    expect(made.graph.initializer('c1')).toBeUndefined()
    expect(made.graph.initializer('c1.u')?.dims.length).toBe(4)
    expect(made.graph.initializer('b1')).toBeDefined()
  })

  test('every way to divide runs, with shapes and costs that the plan said, for every target', async () => {
    const model = network(false)
    const targets = ['macs', 'parameters', 'bytes', 'rank'] as const
    for (const target of targets)
      for (const distribution of ['uniform', 'global'] as const) {
        const plan = await planned(model, { target, distribution, amount: target === 'rank' ? 0.7 : 0.5 })
        const decisions = LowRankDecisions.parse(plan.decisions)
        const made = await pruneLowRank.apply(model, plan)
        const { y } = await run(made, feeds())
        expect(y?.dims).toEqual([3, 24])
        if (target === 'rank') continue
        const left = decisions.after[target] / decisions.before[target]
        expect(Math.abs(left - 0.5)).toBeLessThan(0.05)
        const freed = decisions.changes.reduce((sum, c) => sum + c.frees.macs, 0)
        expect(decisions.before.macs - decisions.after.macs).toBe(freed)
      }
  })

  test('a convolution that is separable is divided along its axes, exactly', async () => {
    // Every filter is the same column times its own row: of rank 16 by channels, of rank 1 along the axes.
    const values = new Float32Array(16 * 16 * 9)
    const [own, mix] = [normals(16 * 3, 1), normals(16 * 3, 2)]
    for (let o = 0, at = 0; o < 16; o++)
      for (let i = 0; i < 16; i++)
        for (let y = 0; y < 3; y++)
          for (let x = 0; x < 3; x++, at++) values[at] = (mix[i * 3 + y] ?? 0) * (own[o * 3 + x] ?? 0)
    const model = makeModel({
      nodes: [
        makeNode(
          'Conv',
          ['x', 'w', 'b'],
          ['y'],
          { pads: [1n, 2n, 0n, 1n], strides: [2n, 1n], dilations: [1n, 2n] },
          { name: 'conv' },
        ),
      ],
      inputs: [makeValue('x', 'float32', ['N', 16, 9, 9])],
      outputs: [makeValue('y', 'float32', ['N', 16, 'h', 'w'])],
      initializers: [makeTensor('w', 'float32', [16, 16, 3, 3], values), weight('b', [16], random(1, 16, 3))],
    })
    const plan = await planned(model, { amount: 0.8 })
    const decisions = LowRankDecisions.parse(plan.decisions)
    expect(decisions.layers.map(l => l.scheme)).toEqual(['spatial'])
    const made = await pruneLowRank.apply(model, plan)
    expect(made.graph.initializer('w.u')?.dims.slice(2)).toEqual([3n, 1n])
    expect(made.graph.initializer('w.v')?.dims.slice(2)).toEqual([1n, 3n])
    expect(difference(await run(model, feeds()), await run(made, feeds()))).toBeLessThan(1e-5)
  })

  test('the error is the energy of the singular values left out (Eckart and Young)', async () => {
    const { model, layers } = await findLayers(network(false), [])
    for (const layer of layers.flat()) {
      const w = matrixOf(model, layer)
      const squares = singularSquares(w)
      const { first, second } = factorsOf(w, 5)
      const error = times(first, second).data.reduce((sum, v, i) => sum + (v - (w.data[i] ?? 0)) ** 2, 0)
      const tail = squares.slice(5).reduce((sum, s) => sum + s, 0)
      expect(error / tail).toBeCloseTo(1, 8)
    }
  })

  test('of all layers the one that loses least for what it saves goes first', async () => {
    const { layers } = await findLayers(network(false), [])
    const flat = layers.flatMap(([layer]) => layer ?? [])
    const spectra = flat.map((layer, i) => ({
      layer,
      squares: Float64Array.from({ length: Math.min(layer.rows, layer.columns) }, (_, k) =>
        i === 3 ? 1e-9 ** Math.min(1, k) : 1,
      ),
    }))
    const all = flat.reduce((sum, layer) => sum + layer.whole.parameters, 0)
    const ranks = globalRanks(spectra, all - 1800, 'parameters')
    expect(ranks.map(rank => rank !== null)).toEqual([false, false, false, true, false])
  })
})

describe('by activations', () => {
  /** Inputs that live in few directions, which the weights alone do not tell. */
  function data(count: number) {
    const values = Float32Array.from(
      times(random(count, 5, 21), random(5, 40, 22)).data,
      (v, i) => v + 0.01 * (normals(count * 40, 23)[i] ?? 0),
    )
    return memoryDataset({ inputs: { x: { shape: [40], values } } })
  }
  const dense = makeModel({
    nodes: [
      makeNode('Gemm', ['x', 'w0', 'b0'], ['h'], {}, { name: 'wide' }),
      makeNode('Relu', ['h'], ['r'], {}, { name: 'relu' }),
      makeNode('Gemm', ['r', 'w1'], ['y'], {}, { name: 'narrow' }),
    ],
    inputs: [makeValue('x', 'float32', ['N', 40])],
    outputs: [makeValue('y', 'float32', ['N', 40])],
    initializers: [
      weight('w0', [40, 80], random(40, 80, 24)),
      weight('b0', [80], random(1, 80, 25)),
      weight('w1', [80, 40], random(80, 40, 26)),
    ],
  })

  test('what layers give changes less than by weights alone, and is the same every time', async () => {
    const dataset = data(64)
    const training = { dataset, indices: dataset.indices('all') }
    const input: ApplyInput = { training, threads, device: 'cpu', context, record() {} }
    const { feeds: real } = await dataset.batch(training.indices)
    const errors: number[] = []
    for (const method of ['svd', 'activation'] as const) {
      const o = options({ error: method, amount: 0.6, distribution: 'uniform' })
      const plan = await pruneLowRank.plan({ model: dense, training, seed: 0, threads }, o, context)
      const made = await pruneLowRank.apply(dense, plan, input)
      if (method === 'activation') {
        expect(pruneLowRank.learns?.(o)).toBe(true)
        expect(plan.decisions).toMatchObject({ samples: 64, from: 'train', threads: 1 })
        expect(serialize(await pruneLowRank.apply(dense, plan, input))).toEqual(serialize(made))
      }
      errors.push(difference(await run(dense, real), await run(made, real)))
    }
    const [plain = 0, aware = 0] = errors
    expect(aware).toBeLessThan(0.5 * plain)
  })

  test('convolutions are divided by what they give as well; without samples it says so', async () => {
    const model = network(false)
    const dataset = memoryDataset({ inputs: { x: { shape: [16, 9, 9], values: normals(8 * 16 * 81, 8) } } })
    const training = { dataset, indices: dataset.indices('all') }
    const o = options({ error: 'activation', amount: 0.5 })
    const plan = await pruneLowRank.plan({ model, training, seed: 0, threads }, o, context)
    const made = await pruneLowRank.apply(model, plan, {
      ...{ training, threads, device: 'cpu', context },
      record() {},
    })
    expect((await run(made, feeds())).y?.dims).toEqual([3, 24])
    await expect(planned(model, { error: 'activation' })).rejects.toThrow(
      'What layers give is measured on samples, and there are none.',
    )
  })
})

describe('refusals and recovery', () => {
  test('says what cannot be divided, and how far an amount can go', async () => {
    const grouped = makeModel({
      nodes: [makeNode('Conv', ['x', 'w'], ['y'], { group: 16n }, { name: 'depthwise' })],
      inputs: [makeValue('x', 'float32', ['N', 16, 9, 9])],
      outputs: [makeValue('y', 'float32', ['N', 16, 7, 7])],
      initializers: [weight('w', [16, 1, 3, 3], random(16, 9, 1))],
    })
    await expect(planned(grouped, {})).rejects.toMatchObject({
      message: 'The model has no layer that could be divided in two.',
      action: 'w stays: the convolution works in groups.',
    })
    await expect(planned(network(false), { amount: 0.99 })).rejects.toThrow(/^At most \d+ % of the multiply/)
    await expect(planned(network(false), { amount: 0.1, target: 'rank' })).rejects.toThrow(
      'With that amount every layer stays whole.',
    )
  })

  test('the two layers learn what the one knew', async () => {
    const { spiral, spiralNet } = await import('../../training/testing')
    const dataset = spiral(90)
    const training = { dataset, indices: dataset.indices('all') }
    const model = spiralNet()
    const own = trainingContext()
    const o = options({ amount: 0.3, recover: 2, batch: 30 })
    const input = { model, training, seed: 0, threads, device: 'cpu' as const }
    const plan = await pruneLowRank.plan(input, o, context)
    let epochs = 0
    const made = await pruneLowRank.apply(model, plan, {
      ...{ training, threads, device: 'cpu', context: own.context },
      record: record => {
        epochs = record.epochs.length
      },
    })
    own.clean()
    expect(epochs).toBe(2)
    expect([...made.graph.initializers()].map(t => t.name).sort()).toEqual([
      'b0',
      'b1',
      'b2',
      'w0',
      'w1.u',
      'w1.v',
      'w2',
    ])
  })
})
