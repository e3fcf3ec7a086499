import { describe, expect, test } from 'vitest'
import type { Plan } from '../../shared/domain'
import type { BantamError } from '../../shared/errors'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import type { Tensor } from '../runtime/tensor'
import { StaticDecisions, StaticOptions } from './static/options'
import { staticInt8 } from './static-int8'
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

const weight = (name: string, dims: number[], seed: number) => normalTensor(name, dims, seed, 0.3)

/** Conv–Relu, Conv–Clip(0, 6), residual Add–Relu, Concat, pools, Flatten, Gemm. */
function network(opset = 17): Model {
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', ['n', 5])],
    nodes: [
      makeNode('Conv', ['x', 'w0', 'b0'], ['c0'], { pads: [1n, 1n, 1n, 1n] }, { name: 'first' }),
      makeNode('Relu', ['c0'], ['r0']),
      makeNode('Conv', ['r0', 'w1', 'b1'], ['c1'], { pads: [1n, 1n, 1n, 1n] }, { name: 'second' }),
      makeNode('Clip', ['c1', 'zero', 'six'], ['r1']),
      makeNode('Conv', ['r1', 'w2'], ['c2'], { pads: [1n, 1n, 1n, 1n] }, { name: 'third' }),
      makeNode('Add', ['c2', 'r0'], ['a']),
      makeNode('Relu', ['a'], ['r2']),
      makeNode('Concat', ['r2', 'r1'], ['cat'], { axis: 1n }),
      makeNode('MaxPool', ['cat'], ['p'], { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
      makeNode('GlobalAveragePool', ['p'], ['g']),
      makeNode('Flatten', ['g'], ['f'], { axis: 1n }),
      makeNode('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1n }, { name: 'head' }),
    ],
    initializers: [
      weight('w0', [16, 3, 3, 3], 1),
      weight('b0', [16], 2),
      weight('w1', [16, 16, 3, 3], 3),
      weight('b1', [16], 4),
      weight('w2', [16, 16, 3, 3], 5),
      weight('w3', [5, 32], 6),
      weight('b3', [5], 7),
      makeTensor('zero', 'float32', [], [0]),
      makeTensor('six', 'float32', [], [6]),
    ],
  })
}

const images = normals(40 * 192, 9)
const dataset = arrayDataset({ x: { dims: [40, 3, 8, 8], data: images } })
const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [40, 3, 8, 8], data: images } }

async function quantize(model: Model, options: object = {}): Promise<{ plan: Plan; result: Model }> {
  const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 0, threads: 1 }
  const plan = await staticInt8.plan(input, StaticOptions.parse(options), testContext())
  return { plan, result: await staticInt8.apply(model, plan) }
}

async function quality(model: Model, result: Model): Promise<number> {
  const [reference, values] = [await run(model, feeds), await run(result, feeds)]
  return sqnr(reference.y?.data as Float32Array, values.y?.data as Float32Array)
}

async function failure(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; action: string | undefined }> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (e: BantamError) => e,
  )
  const { code, message, action } = error as BantamError
  return { code, message, action }
}

describe('structure', () => {
  test('every activation has one pair, Relu and Clip are gone, the result stays float', async () => {
    const { plan, result } = await quantize(network())
    checkModel(result)
    const counts = countOperators(result)
    expect(counts.Relu).toBeUndefined()
    expect(counts.Clip).toBeUndefined()
    // x, r0, r1, c2, r2, cat, p, g, f
    expect(counts.QuantizeLinear).toBe(9)
    // … and four weights and three biases.
    expect(counts.DequantizeLinear).toBe(16)
    expect(result.graph.producer('y')?.opType).toBe('Gemm')
    expect(result.graph.uses(result.graph.producer('r0')?.input[0] ?? '')).toHaveLength(1)
    expect(plan.notes.find(n => n.code === 'quantized')?.message).toBe(
      '12 of 12 nodes run in int8, among them 4 of 4 convolutions and matrix products.',
    )
  })

  test('ONNX Runtime really runs integer kernels', async () => {
    const fused = await fusedOperators((await quantize(network())).result)
    expect(fused).toMatchObject({
      QLinearConv: 3,
      QLinearAdd: 1,
      QLinearConcat: 1,
      QLinearGlobalAveragePool: 1,
      QGemm: 1,
    })
    for (const op of ['Conv', 'Add', 'Concat', 'Gemm', 'Relu', 'DequantizeLinear'])
      expect(fused).not.toHaveProperty(op)
    expect(fused.QuantizeLinear).toBe(1)
  })

  test('moving operators share the scale of their input', async () => {
    const { plan } = await quantize(network())
    const { values } = StaticDecisions.parse(plan.decisions)
    const of = (name: string) => values.find(v => v.name === name)
    expect(of('p')).toMatchObject({ scale: of('cat')?.scale, zeroPoint: of('cat')?.zeroPoint })
    expect(of('f')?.scale).toBe(of('g')?.scale)
    expect(of('r0')?.zeroPoint).toBe(0)
  })

  test('biases are int32 with scale s_x·s_w', async () => {
    const { plan, result } = await quantize(network(), { perChannel: false })
    const { values, weights } = StaticDecisions.parse(plan.decisions)
    const scale = result.graph.initializer('b1_s')
    const expected = Math.fround(
      (values.find(v => v.name === 'r0')?.scale ?? 0) * (weights.find(w => w.name === 'w1')?.scales[0] ?? 0),
    )
    expect(new Float32Array(scale?.rawData.slice().buffer ?? new ArrayBuffer(4))[0]).toBeCloseTo(expected, 12)
    expect(result.graph.initializer('b1_q')?.dataType).toBe(6)
  })

  test('the original model stays as it was', async () => {
    const model = network()
    const before = serialize(model)
    await quantize(model)
    expect(serialize(model)).toEqual(before)
  })
})

describe('numbers', () => {
  test.each([
    [{}, 30],
    [{ perChannel: false }, 28],
    [{ calibration: 'entropy' }, 15],
    [{ calibration: 'percentile', percentile: 99.99 }, 25],
    [{ calibration: 'mse' }, 25],
    [{ calibration: 'mse', symmetric: true, weightRange: 'mse' }, 25],
    [{ format: 'U8U8' }, 28],
    [{ format: 'U8U8', perChannel: false, symmetric: true }, 25],
    [{ reduceRange: true }, 22],
  ])('%j keeps at least %d dB, and runs in integers', async (options, floor) => {
    const model = network()
    const { result } = await quantize(model, options)
    expect(await quality(model, result)).toBeGreaterThan(floor)
    expect(await fusedOperators(result)).toMatchObject({ QLinearConv: 3, QGemm: 1 })
  })

  test.each([{ format: 'S8S8' }, { format: 'S8S8', symmetric: true }])(
    '%j keeps at least 28 dB',
    async options => {
      const model = network()
      const { plan, result } = await quantize(model, options)
      expect(await quality(model, result)).toBeGreaterThan(28)
      // What is never negative keeps zero at the lowest code, so that Relu costs nothing.
      const { values } = StaticDecisions.parse(plan.decisions)
      expect(values.find(v => v.name === 'r0')?.zeroPoint).toBe(-128)
      if ('symmetric' in options) expect(values.find(v => v.name === 'x')?.zeroPoint).toBe(0)
    },
  )

  test('a channel of zeros keeps its bias', async () => {
    const model = network()
    const w = normals(16 * 27, 1, 0.3).fill(0, 0, 27)
    model.graph.setInitializer(makeTensor('w0', 'float32', [16, 3, 3, 3], w))
    expect(await quality(model, (await quantize(model)).result)).toBeGreaterThan(30)
  })

  test('a bias too large for 32 bits widens the scale of its weights', async () => {
    const model = network()
    model.graph.setInitializer(makeTensor('w2', 'float32', [16, 16, 3, 3], normals(16 * 144, 5, 1e-9)))
    model.graph.setInitializer(weight('b2', [16], 8))
    const conv = model.graph.producer('c2')
    if (conv) model.graph.setInput(conv, 2, 'b2')
    const { plan, result } = await quantize(model)
    expect(plan.notes.map(n => n.code)).toContain('weight-scale-widened')
    expect(await quality(model, result)).toBeGreaterThan(28)
  })
})

describe('choices', () => {
  test('excluded nodes stay in float, and are named', async () => {
    const { plan, result } = await quantize(network(), { exclude: ['second'] })
    const note = plan.notes.find(n => n.code === 'left-in-float')
    expect(note).toMatchObject({ node: 'second', message: 'Conv second stays in float: excluded.' })
    expect(result.graph.producer('c1')?.input[1]).toBe('w1')
    // ONNX Runtime would quantize it by itself, were it not kept from it.
    expect(await fusedOperators(result)).toMatchObject({ QLinearConv: 2, Conv: 1 })
  })

  test('only the chosen operators', async () => {
    const { result } = await quantize(network(), { operators: ['Gemm'] })
    expect(countOperators(result).QuantizeLinear).toBe(1)
    expect(await fusedOperators(result)).toMatchObject({ QGemm: 1 })
  })

  test('a MatMul and its bias run as one QGemm', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 192])],
      outputs: [makeValue('y', 'float32', ['n', 4])],
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['m']),
        makeNode('Add', ['m', 'b'], ['s']),
        makeNode('Relu', ['s'], ['r']),
        makeNode('MatMul', ['r', 'v'], ['y']),
      ],
      initializers: [weight('w', [192, 32], 1), weight('b', [32], 2), weight('v', [32, 4], 3)],
    })
    const flat = arrayDataset({ x: { dims: [40, 192], data: images } })
    const input = { model, calibration: { dataset: flat, indices: flat.indices('all') }, seed: 0, threads: 1 }
    const plan = await staticInt8.plan(input, StaticOptions.parse({}), testContext())
    expect(plan.notes[0]?.message).toBe('1 matrix product and its bias became Gemm.')
    const fused = await fusedOperators(await staticInt8.apply(model, plan))
    expect(fused).toEqual({ QuantizeLinear: 1, QGemm: 1, MatMulIntegerToFloat: 1 })
  })

  test('values that a float operator also reads are dequantized once for all', async () => {
    const model = network()
    model.graph.add(makeNode('ReduceMean', ['r0'], ['mean']))
    model.graph.proto.output.push(makeValue('mean', 'float32', [1, 1, 1, 1]))
    const { result } = await quantize(model)
    const maker = result.graph.producer('r0')
    expect(maker?.opType).toBe('DequantizeLinear')
    expect(result.graph.uses('r0').map(u => u.node.opType)).toContain('ReduceMean')
    expect(await fusedOperators(result)).toMatchObject({ QLinearConv: 3 })
  })
})

describe('operator sets', () => {
  test('an old one is raised for scales per channel', async () => {
    const model = network(11)
    const { plan, result } = await quantize(model)
    expect(result.opset()).toBe(13)
    expect(plan.notes.map(n => n.message)).toContain(
      'The operator set is raised from 11 to 13, which scales per channel need.',
    )
    expect(await quality(model, result)).toBeGreaterThan(30)
  })
})

describe('plans', () => {
  test('survive JSON, and give the same bytes', async () => {
    const model = network()
    const { plan, result } = await quantize(model)
    const again = await staticInt8.apply(network(), JSON.parse(JSON.stringify(plan)) as Plan)
    expect(serialize(again)).toEqual(serialize(result))
  })
})

describe('refusals', () => {
  test('without data', async () => {
    const input = { model: network(), seed: 0, threads: 1 }
    expect(await failure(staticInt8.plan(input, StaticOptions.parse({}), testContext()))).toEqual({
      code: 'bad-data',
      message: 'Static int8 quantization needs calibration data, and none was given.',
      action: 'Add a dataset (--data), or use dynamic-int8, which needs none.',
    })
  })

  test('a node that does not exist', async () => {
    expect(await failure(quantize(network(), { exclude: ['secnd'] }))).toEqual({
      code: 'bad-option',
      message: 'No node is called secnd.',
      action: expect.stringMatching(/^Near it are second, /),
    })
  })

  test('nothing to quantize', async () => {
    expect(await failure(quantize(network(), { exclude: ['first', 'second', 'third', 'head'] }))).toEqual({
      code: 'unsupported',
      message: 'Nothing in this model can run in int8.',
      action: 'Conv first stays in float: excluded.',
    })
  })

  test('data that is not finite', async () => {
    const data = images.slice()
    data[500] = Number.NaN
    const broken = arrayDataset({ x: { dims: [40, 3, 8, 8], data } })
    const input = {
      model: network(),
      calibration: { dataset: broken, indices: broken.indices('all') },
      seed: 0,
      threads: 1,
    }
    expect(await failure(staticInt8.plan(input, StaticOptions.parse({}), testContext()))).toEqual({
      code: 'bad-data',
      message: 'The value x is not finite on calibration samples.',
      action: 'Check these samples and their preprocessing, or exclude the node that makes the value.',
    })
  })

  test('weights that are not finite leave their node in float', async () => {
    const model = network()
    model.graph.setInitializer(
      makeTensor('w1', 'float32', [16, 16, 3, 3], normals(2304, 3).fill(Number.POSITIVE_INFINITY, 0, 1)),
    )
    const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 0, threads: 1 }
    expect((await failure(staticInt8.plan(input, StaticOptions.parse({}), testContext()))).code).toBe(
      'bad-data',
    )
  })

  test('cancelling', async () => {
    const context = testContext()
    context.cancel()
    const input = {
      model: network(),
      calibration: { dataset, indices: dataset.indices('all') },
      seed: 0,
      threads: 1,
    }
    expect((await failure(staticInt8.plan(input, StaticOptions.parse({}), context))).code).toBe('cancelled')
  })
})
