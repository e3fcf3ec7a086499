import { describe, expect, test } from 'vitest'
import type { Plan } from '../../shared/domain'
import type { BantamError } from '../../shared/errors'
import { hardware } from '../measure/hardware'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import type { Tensor } from '../runtime/tensor'
import type { Technique } from '../technique'
import { dynamicInt8 } from './dynamic-int8'
import { float16 } from './float16'
import {
  arrayDataset,
  countOperators,
  fusedOperators,
  normals,
  normalTensor,
  run,
  sqnr,
  testContext,
} from './testing'
import { weightInt8 } from './weight-int8'

const weight = (name: string, dims: number[], seed: number, scale = 0.1) =>
  normalTensor(name, dims, seed, scale)

/** Embedding → MatMul + bias → Gemm (transposed, alpha and beta) → LSTM → MatMul. */
function network(opset = 17): Model {
  return makeModel({
    opset,
    inputs: [makeValue('ids', 'int64', [7])],
    outputs: [makeValue('y', 'float32', null)],
    nodes: [
      makeNode('Gather', ['table', 'ids'], ['e'], {}, { name: 'embed' }),
      makeNode('MatMul', ['e', 'w'], ['m'], {}, { name: 'inner' }),
      makeNode('Add', ['m', 'b'], ['a']),
      makeNode('Tanh', ['a'], ['t']),
      makeNode('Gemm', ['t', 'v', 'c'], ['g'], { transB: 1n, alpha: 0.5, beta: 2 }, { name: 'outer' }),
      makeNode('Reshape', ['g', 'shape'], ['s']),
      makeNode('LSTM', ['s', 'lw', 'lr', 'lb'], ['', 'h'], { hidden_size: 16n }, { name: 'memory' }),
      makeNode('MatMul', ['h', 'o'], ['y'], {}, { name: 'head' }),
    ],
    initializers: [
      weight('table', [200, 48], 1, 1),
      weight('w', [48, 64], 2),
      weight('b', [64], 3),
      weight('v', [32, 64], 4),
      weight('c', [32], 5),
      makeTensor('shape', 'int64', [3], [7, 1, 32]),
      weight('lw', [1, 64, 32], 6),
      weight('lr', [1, 64, 16], 7),
      weight('lb', [1, 128], 8),
      weight('o', [16, 40], 9),
    ],
  })
}

const feeds: Record<string, Tensor> = {
  ids: { type: 'int64', dims: [7], data: BigInt64Array.of(1n, 5n, 199n, 0n, 42n, 7n, 100n) },
}

async function apply(
  technique: unknown,
  model: Model,
  options: object = {},
): Promise<{ plan: Plan; result: Model }> {
  // Each technique's own schema makes its options.
  const t = technique as Technique
  const plan = await t.plan({ model, seed: 0, threads: 1 }, t.options.parse(options), testContext())
  const result = await t.apply(model, JSON.parse(JSON.stringify(plan)) as Plan)
  checkModel(result)
  expect(serialize(await t.apply(model, plan)), 'the same plan gives the same bytes').toEqual(
    serialize(result),
  )
  return { plan, result }
}

async function quality(model: Model, result: Model, inputs = feeds): Promise<number> {
  const [reference, values] = [await run(model, inputs), await run(result, inputs)]
  expect(values.y?.dims).toEqual(reference.y?.dims)
  return sqnr(reference.y?.data as Float32Array, values.y?.data as Float32Array)
}

async function failure(promise: Promise<unknown>): Promise<[string, string, string | undefined]> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (e: BantamError) => e,
  )
  const { code, message, action } = error as BantamError
  return [code, message, action]
}

/** In dB. Without VNNI, sums of two products of unsigned and signed bytes saturate, and cost some. */
const FLOOR = (await hardware()).features.some(f => /vnni|amx|neon/.test(f)) ? 25 : 12

describe('dynamic int8', () => {
  test('matrix products, LSTM and embeddings run on codes', async () => {
    const model = network()
    const { result } = await apply(dynamicInt8, model)
    expect(countOperators(result)).toMatchObject({
      MatMulInteger: 3,
      DynamicQuantizeLSTM: 1,
      DequantizeLinear: 1,
    })
    expect(await fusedOperators(result)).toMatchObject({ DynamicQuantizeMatMul: 3, DynamicQuantizeLSTM: 1 })
    expect(await quality(model, result)).toBeGreaterThan(FLOOR)
    expect(serialize(result).length).toBeLessThan(0.35 * serialize(model).length)
  })

  test.each([
    [{ perChannel: false }, 25],
    [{ reduceRange: true }, 20],
  ])('%j keeps at least %d dB', async (options, floor) => {
    const model = network()
    expect(await quality(model, (await apply(dynamicInt8, model, options)).result)).toBeGreaterThan(floor)
  })

  test('an old operator set is raised', async () => {
    const model = network(9)
    const { plan, result } = await apply(dynamicInt8, model)
    expect(plan.notes.map(n => n.message)).toContain(
      'The operator set is raised from 9 to 11, which DynamicQuantizeLinear needs.',
    )
    expect(await quality(model, result)).toBeGreaterThan(FLOOR)
  })

  function convolution(): Model {
    return makeModel({
      inputs: [makeValue('x', 'float32', [1, 3, 8, 8])],
      outputs: [makeValue('y', 'float32', null)],
      nodes: [makeNode('Conv', ['x', 'w', 'b'], ['y'], { pads: [1n, 1n, 1n, 1n] }, { name: 'conv' })],
      initializers: [weight('w', [8, 3, 3, 3], 1), weight('b', [8], 2)],
    })
  }

  test('convolutions are left alone, with the reason', async () => {
    expect(await failure(apply(dynamicInt8, convolution()))).toEqual([
      'unsupported',
      'Dynamic int8 finds nothing to quantize in this model.',
      'Conv conv stays in float: dynamically quantized convolutions are 8 to 13 times slower than float ones.',
    ])
  })

  test('convolutions work when asked for', async () => {
    const model = convolution()
    const { result } = await apply(dynamicInt8, model, { convolutions: true })
    expect(countOperators(result).ConvInteger).toBe(1)
    const x: Tensor = { type: 'float32', dims: [1, 3, 8, 8], data: normals(192, 4) }
    expect(await quality(model, result, { x })).toBeGreaterThan(30)
  })
})

describe('weight-only int8', () => {
  test('weights are stored as codes and computed with in float', async () => {
    const model = network()
    const { plan, result } = await apply(weightInt8, model, { smallest: 500 })
    expect(countOperators(result)).toMatchObject({ DequantizeLinear: 6, MatMul: 2, LSTM: 1, Gather: 1 })
    expect(plan.notes.at(-1)?.message).toBe('6 weights are stored in 8 bits.')
    expect(await quality(model, result)).toBeGreaterThan(33)
    expect(serialize(result).length).toBeLessThan(0.3 * serialize(model).length)
  })

  test('one scale per weight, and an excluded node', async () => {
    const model = network()
    const { plan, result } = await apply(weightInt8, model, { perChannel: false, exclude: ['inner'] })
    expect(plan.notes.find(n => n.node === 'w')?.message).toBe(
      'The weight w stays in float: inner is excluded.',
    )
    expect(result.graph.initializer('w')?.dataType).toBe(1)
    expect(await quality(model, result)).toBeGreaterThan(28)
  })

  test('refuses a model without weights', async () => {
    expect(await failure(apply(weightInt8, network(), { smallest: 1_000_000 }))).toEqual([
      'unsupported',
      'No weight of this model can be stored in int8.',
      'It has no float32 constant of 1000000 values or more.',
    ])
  })
})

describe('float16', () => {
  test('inputs and outputs keep their types; what cannot be half stays', async () => {
    const model = network()
    const { plan, result } = await apply(float16, model)
    expect(plan.notes.find(n => n.node === 'memory')?.message).toBe(
      'LSTM memory stays in float32: LSTM is not known to take float16.',
    )
    expect(result.graph.initializer('w_f16')?.dataType).toBe(10)
    expect(result.graph.initializer('lw')?.dataType).toBe(1)
    expect((await run(result, feeds)).y?.type).toBe('float32')
    expect(await quality(model, result)).toBeGreaterThan(50)
  })

  test('constants beyond its range keep their node in float32', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', [4])],
      outputs: [makeValue('y', 'float32', null)],
      nodes: [makeNode('Mul', ['x', 'big'], ['m'], {}, { name: 'scale' }), makeNode('Tanh', ['m'], ['y'])],
      initializers: [makeTensor('big', 'float32', [1], [1e6])],
    })
    const { plan, result } = await apply(float16, model)
    expect(plan.notes.find(n => n.node === 'scale')?.message).toBe(
      "Mul scale stays in float32: its constant big holds 1000000, beyond float16's 65504.",
    )
    const x: Tensor = { type: 'float32', dims: [4], data: Float32Array.of(1e-6, 1, -1, 0) }
    expect(await quality(model, result, { x })).toBeGreaterThan(40)
  })

  test('with data, nodes whose values are too large stay in float32', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: [makeValue('y', 'float32', null)],
      nodes: [
        makeNode('Mul', ['x', 'k'], ['a'], {}, { name: 'first' }),
        makeNode('Mul', ['a', 'k'], ['b'], {}, { name: 'second' }),
        makeNode('Tanh', ['b'], ['y'], {}, { name: 'last' }),
      ],
      initializers: [makeTensor('k', 'float32', [], [1000])],
    })
    const dataset = arrayDataset({ x: { dims: [2, 4], data: Float32Array.of(1, 2, 3, -4, 0, 0, 0, 0) } })
    const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 0, threads: 1 }
    const plan = await float16.plan(input, float16.options.parse({}), testContext())
    expect(plan.decisions).toEqual({ type: 'float16', nodes: ['a'], samples: 2 })
    expect(plan.notes.map(n => n.message)).toContain(
      "Mul second stays in float32: b reaches 4.00e+6, beyond float16's 65504.",
    )
  })

  test('operators and nodes of choice stay', async () => {
    const { result } = await apply(float16, network(), { operators: ['Tanh'], exclude: ['head'] })
    expect(result.graph.producer('t')?.opType).toBe('Tanh')
    expect(result.graph.producer('y')?.input[1]).toBe('o')
  })
})
