import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { dataTypeName, makeTensor, tensorByteLength } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { openSession } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import { staticInt8 } from '../static-int8'
import { arrayDataset, countOperators, normals, normalTensor, sqnr, testContext } from '../testing'
import { StaticDecisions, StaticOptions } from './options'

/** Conv–Relu–depthwise Conv–Relu–Conv–Relu–pool–Gemm; the depthwise layer has an odd number of weights. */
function network(opset = 17): Model {
  const weight = (name: string, dims: number[], seed: number) => normalTensor(name, dims, seed, 0.3)
  const conv = (inputs: string[], output: string, name: string, more = {}) =>
    makeNode('Conv', inputs, [output], { pads: [1n, 1n, 1n, 1n], ...more }, { name })
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', ['n', 5])],
    nodes: [
      conv(['x', 'w0', 'b0'], 'c0', 'first'),
      makeNode('Relu', ['c0'], ['r0']),
      conv(['r0', 'w1', 'b1'], 'c1', 'depthwise', { group: 7n }),
      makeNode('Relu', ['c1'], ['r1']),
      conv(['r1', 'w2'], 'c2', 'second'),
      makeNode('Relu', ['c2'], ['r2']),
      makeNode('GlobalAveragePool', ['r2'], ['g']),
      makeNode('Flatten', ['g'], ['f'], { axis: 1n }),
      makeNode('Gemm', ['f', 'w3', 'b3'], ['y'], { transB: 1n }, { name: 'head' }),
    ],
    initializers: [
      weight('w0', [7, 3, 3, 3], 1),
      weight('b0', [7], 2),
      weight('w1', [7, 1, 3, 3], 3),
      weight('b1', [7], 4),
      weight('w2', [16, 7, 3, 3], 5),
      weight('w3', [5, 16], 6),
      weight('b3', [5], 7),
    ],
  })
}

const images = normals(40 * 192, 9)
const dataset = arrayDataset({ x: { dims: [40, 3, 8, 8], data: images } })
const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [40, 3, 8, 8], data: images } }

async function quantize(options: object, model = network()) {
  const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 0, threads: 1 }
  const parsed = StaticOptions.parse({ weights: 'int4', reduceRange: true, ...options })
  const plan = await staticInt8.plan(input, parsed, testContext())
  const result = await staticInt8.apply(model, plan)
  checkModel(result)
  return { plan, result, decisions: StaticDecisions.parse(plan.decisions) }
}

async function answers(model: Model, optimization: 'disabled' | 'all' = 'all'): Promise<Float32Array> {
  const session = await openSession(serialize(model), { threads: 1, optimization })
  try {
    return (await session.run(feeds)).y?.data as Float32Array // the network answers in float32
  } finally {
    await session.close()
  }
}

const types = (model: Model) =>
  ['w0', 'w1', 'w2', 'w3'].flatMap(weight => {
    const tensor = [...model.graph.initializers()].find(
      t => t.name === weight || t.name.startsWith(`${weight}_q`),
    )
    return tensor ? [dataTypeName(tensor.dataType)] : []
  })

describe('4-bit weights', () => {
  test('are int4 but for the first and last layer, two to a byte, and ONNX Runtime runs them', async () => {
    const { result, plan } = await quantize({})
    expect(types(result)).toEqual(['int8', 'int4', 'int4', 'int8'])
    expect(result.opset()).toBe(21)
    const stored = [...result.graph.initializers()].find(t => t.name.startsWith('w1_q'))
    expect(stored && tensorByteLength(stored)).toBe(Math.ceil(63 / 2))
    expect(plan.notes.find(n => n.code === 'quantized')?.message).toMatch(
      /4 of 4 convolutions .*computes 2 in float on CPU: their weights have 4 bits\.$/,
    )
    // Whatever ONNX Runtime makes of the pattern, it answers the same.
    expect(sqnr(await answers(result, 'disabled'), await answers(result))).toBeGreaterThan(30)
  })

  test.each([
    ['int4', ['int4', 'int4', 'int4', 'int4']],
    ['float', ['float32', 'int4', 'int4', 'float32']],
  ])('first and last layers in %s', async (edges, expected) => {
    expect(types((await quantize({ edges })).result)).toEqual(expected)
  })

  test('of a network of first and last layers alone are in 4 bits as well', async () => {
    const model = makeModel({
      opset: 17,
      inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
      outputs: [makeValue('y', 'float32', ['n', 4, 6, 6])],
      nodes: [makeNode('Conv', ['x', 'w0'], ['y'], {}, { name: 'only' })],
      initializers: [makeTensor('w0', 'float32', [4, 3, 3, 3], normals(108, 3))],
    })
    expect(types((await quantize({}, model)).result)[0]).toBe('int4')
  })

  test('lose as much as four bits do, less where clipped or where rounding is learned', async () => {
    const model = network()
    const exact = await answers(model)
    const quality = async (options: object) => sqnr(exact, await answers((await quantize(options)).result))
    const [eight, nearest, clipped, learned] = [
      await quality({ weights: 'int8' }),
      await quality({}),
      await quality({ weightRange: 'mse' }),
      await quality({ weightRange: 'mse', rounding: 'adaround', roundingSteps: 150 }),
    ]
    expect(nearest).toBeGreaterThan(10)
    expect(nearest).toBeLessThan(eight - 10)
    expect(clipped).toBeGreaterThan(nearest)
    expect(learned).toBeGreaterThan(clipped + 2)
  })

  test('give the same bytes again from the plan as text', async () => {
    const { plan, result } = await quantize({})
    const again = await staticInt8.apply(network(), JSON.parse(JSON.stringify(plan)))
    expect(serialize(again)).toEqual(serialize(result))
  })

  test('are declined where the operator set cannot be raised', async () => {
    const model = network(13)
    const { graph } = model
    graph.add(
      makeNode('AveragePool', ['x'], ['p'], { kernel_shape: [1n, 1n], ceil_mode: 1n }, { name: 'ceil' }),
    )
    graph.proto.output.push(makeValue('p', 'float32', ['n', 3, 8, 8]))
    await expect(quantize({}, model)).rejects.toMatchObject({
      code: 'unsupported',
      message: '4-bit weights need opset 21; this model has 13.',
    })
  })
})

describe('activations in float', () => {
  test.each(['int4', 'int8'] as const)('%s weights alone are codes', async weights => {
    const { result, plan, decisions } = await quantize({ weights, activations: 'float' })
    const counts = countOperators(result)
    expect(counts.QuantizeLinear).toBeUndefined()
    expect(counts.DequantizeLinear).toBe(4)
    expect(counts.Relu).toBe(3)
    expect(result.graph.initializer('b0')).toBeDefined()
    expect(plan.notes.find(n => n.code === 'quantized')?.message).toMatch(/the model computes in float\.$/)
    expect(decisions.samples).toBe(0)
    // No node is left that rounds a value: only the weights' own error is there.
    const all = await quantize({ weights })
    const exact = await answers(network())
    expect(sqnr(exact, await answers(result))).toBeGreaterThan(sqnr(exact, await answers(all.result)) - 0.5)
    expect(sqnr(await answers(result, 'disabled'), await answers(result))).toBeGreaterThan(100)
  })

  test('rounding is learned there too', async () => {
    const exact = await answers(network())
    const options = { activations: 'float', weightRange: 'mse' }
    const nearest = sqnr(exact, await answers((await quantize(options)).result))
    const learned = { ...options, rounding: 'adaround', roundingSteps: 150 }
    expect(sqnr(exact, await answers((await quantize(learned)).result))).toBeGreaterThan(nearest + 2)
  })
})
