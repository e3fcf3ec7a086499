import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../shared/domain'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import { inferTypes } from '../../onnx/infer'
import type { Model } from '../../onnx/model'
import { makeTensor, tensorDims } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import type { Tensor } from '../../runtime/tensor'
import { StaticDecisions, StaticOptions } from '../static/options'
import { writeStatic } from '../static/write'
import { staticInt8 } from '../static-int8'
import { arrayDataset, countOperators, fusedOperators, normals, run, sqnr, testContext } from '../testing'
import { floatValues } from '../weights'
import { equalized } from './equalize'

/** Weights whose rows (first axis) differ in size by up to `spread`. */
function weight(name: string, dims: number[], seed: number, spread = 1) {
  const count = dims.reduce((a, b) => a * b)
  const row = count / (dims[0] ?? 1)
  const sizes = normals(dims[0] ?? 1, seed + 100).map(v => spread ** Math.max(-1, Math.min(1, v)))
  const fan = dims.length > 1 ? row : 4
  const values = normals(count, seed, 1 / Math.sqrt(fan)).map((v, i) => v * (sizes[Math.floor(i / row)] ?? 1))
  return makeTensor(name, 'float32', dims, values)
}

const same = { pads: [1n, 1n, 1n, 1n] }

/** Conv, MaxPool, depthwise, LeakyRelu, grouped 1×1, PRelu, AveragePool, Flatten, three Gemm. */
function network(spread = 30): Model {
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
    outputs: [makeValue('y', 'float32', ['n', 5])],
    nodes: [
      makeNode('Conv', ['x', 'w0', 'b0'], ['c0'], same, { name: 'first' }),
      makeNode('Relu', ['c0'], ['r0']),
      makeNode('MaxPool', ['r0'], ['p0'], { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
      makeNode('Conv', ['p0', 'w1', 'b1'], ['c1'], { ...same, group: 8n }, { name: 'depthwise' }),
      makeNode('LeakyRelu', ['c1'], ['r1'], { alpha: 0.1 }),
      makeNode('Conv', ['r1', 'w2'], ['c2'], { group: 2n }, { name: 'pointwise' }),
      makeNode('PRelu', ['c2', 'slope'], ['r2']),
      makeNode('AveragePool', ['r2'], ['p2'], { kernel_shape: [2n, 2n], strides: [2n, 2n] }),
      makeNode('Flatten', ['p2'], ['f'], { axis: 1n }),
      makeNode('Gemm', ['f', 'w3', 'b3'], ['g3'], { transB: 1n }, { name: 'hidden' }),
      makeNode('Relu', ['g3'], ['r3']),
      makeNode('Gemm', ['r3', 'w4', 'one'], ['g4'], {}, { name: 'second' }),
      makeNode('Gemm', ['g4', 'w5', 'b5'], ['y'], { transB: 1n }, { name: 'head' }),
    ],
    initializers: [
      weight('w0', [8, 3, 3, 3], 1, spread),
      weight('b0', [8], 2),
      weight('w1', [8, 1, 3, 3], 3, spread),
      weight('b1', [8], 4),
      weight('w2', [12, 4, 1, 1], 5, spread),
      makeTensor('slope', 'float32', [1], [0.25]),
      weight('w3', [10, 48], 6, spread),
      weight('b3', [10], 7),
      weight('w4', [10, 6], 8),
      makeTensor('one', 'float32', [1], [0.5]),
      weight('w5', [5, 6], 9),
      weight('b5', [5], 10),
    ],
  })
}

const images = normals(64 * 192, 11)
const dataset = arrayDataset({ x: { dims: [64, 3, 8, 8], data: images } })
const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [64, 3, 8, 8], data: images } }

const output = async (model: Model, name = 'y') =>
  (await run(model, feeds))[name]?.data as Float32Array<ArrayBuffer>

async function quantize(model: Model, options: object): Promise<{ plan: Plan; result: Model }> {
  const input = { model, calibration: { dataset, indices: dataset.indices('all') }, seed: 0, threads: 1 }
  const plan = await staticInt8.plan(input, StaticOptions.parse(options), testContext())
  return { plan, result: await staticInt8.apply(model, plan) }
}

/** Largest magnitude of a weight by the channel of each element. */
function largest(model: Model, name: string, channel: (place: number[]) => number): number[] {
  const tensor = model.graph.initializer(name)
  if (!tensor) throw new Error(name)
  const dims = tensorDims(tensor)
  const out: number[] = []
  for (const [i, value] of floatValues(tensor, null).entries()) {
    let rest = i
    const place = dims.map((_, axis) => {
      const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1)
      const at = Math.floor(rest / inner)
      rest %= inner
      return at
    })
    const c = channel(place)
    out[c] = Math.max(out[c] ?? 0, Math.abs(value))
  }
  return out
}

describe('equalization', () => {
  test('the function stays, and both sides of every channel have one range', async () => {
    const model = network()
    const { model: result, notes } = equalized(model, await inferTypes(model))
    checkModel(result)
    expect(notes.find(n => n.code === 'equalized')?.message).toMatch(/^5 pairs of layers/)
    const [before, after] = [await output(model), await output(result)]
    const size = Math.max(...before.map(Math.abs))
    expect(Math.max(...before.map((v, i) => Math.abs(v - (after[i] ?? 0)))) / size).toBeLessThan(1e-5)
    const at = (axis: number) => (place: number[]) => place[axis] ?? 0
    const sides: [number[], number[]][] = [
      [largest(result, 'w0', at(0)), largest(result, 'w1', at(0))],
      [largest(result, 'w1', at(0)), largest(result, 'w2', ([o = 0, i = 0]) => Math.floor(o / 6) * 4 + i)],
      [largest(result, 'w2', at(0)), largest(result, 'w3', ([, i = 0]) => Math.floor(i / 4))],
      [largest(result, 'w3', at(0)), largest(result, 'w4', at(0))],
      [largest(result, 'w4', at(1)), largest(result, 'w5', at(1))],
    ]
    for (const [before, behind] of sides)
      for (const [c, r] of before.entries()) expect(r / (behind[c] ?? 0)).toBeCloseTo(1, 1)
  })

  test('a Clip, a second reader and a network without chains are left alone and said', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 8])],
      outputs: [makeValue('y', 'float32', ['n', 8])],
      nodes: [
        makeNode('Gemm', ['x', 'w0'], ['a'], {}, { name: 'clipped' }),
        makeNode('Clip', ['a', 'zero', 'six'], ['b']),
        makeNode('Gemm', ['b', 'w1'], ['c']),
        makeNode('Relu', ['c'], ['d']),
        makeNode('Gemm', ['d', 'w2'], ['e']),
        makeNode('Add', ['d', 'e'], ['y']),
      ],
      initializers: [
        ...['w0', 'w1', 'w2'].map((name, i) => weight(name, [8, 8], i)),
        makeTensor('zero', 'float32', [], [0]),
        makeTensor('six', 'float32', [], [6]),
      ],
    })
    const result = equalized(model, await inferTypes(model))
    expect(result.model).toBe(model)
    expect(result.notes.map(n => `${n.code} ${n.node ?? ''}`)).toEqual([
      'not-equalized clipped',
      'nothing-to-equalize ',
    ])
  })

  test('a network that outlier channels break is as good as before them, from a plan that gives the same bytes', async () => {
    const options = { perChannel: false }
    const quality = async (model: Model, result: Model) => sqnr(await output(model), await output(result))
    const whole = await quality(network(1), (await quantize(network(1), options)).result)
    const broken = await quality(outliers(), (await quantize(outliers(), options)).result)
    const { plan, result } = await quantize(outliers(), {
      ...options,
      equalize: true,
      biasCorrection: 'samples',
    })
    const mended = await quality(outliers(), result)
    expect(broken).toBeLessThan(whole - 10)
    expect(mended).toBeGreaterThan(whole - 3)
    const again = await staticInt8.apply(outliers(), JSON.parse(JSON.stringify(plan)))
    expect(Buffer.from(serialize(again)).equals(Buffer.from(serialize(result)))).toBe(true)
  })
})

/** The network without spread, three channels of its first layer made 400 times larger and their readers smaller. */
function outliers(): Model {
  const model = network(1)
  const scale = (name: string, row: number, factor: number) => {
    const tensor = model.graph.initializer(name)
    if (!tensor) throw new Error(name)
    const dims = tensorDims(tensor)
    const size = dims.slice(1).reduce((a, b) => a * b, 1)
    const values = floatValues(tensor, null).map((v, i) => (Math.floor(i / size) === row ? v * factor : v))
    model.graph.setInitializer(makeTensor(name, 'float32', dims, values))
  }
  for (const row of [1, 4, 6]) {
    scale('w0', row, 400)
    scale('b0', row, 400)
    scale('w1', row, 1 / 400)
  }
  return model
}

describe('bias correction', () => {
  test('takes most of the shift of means, of layers with and without a bias', async () => {
    const options = { perChannel: false, reduceRange: true }
    const model = withMiddle()
    const plain = (await quantize(model, options)).result
    const { plan, result } = await quantize(model, { ...options, biasCorrection: 'samples' })
    checkModel(result)
    for (const [name, channels] of [
      ['c2', 12],
      ['y', 5],
    ] as const) {
      const wanted = means(await output(model, name), channels)
      const shift = async (other: Model) => {
        const found = means(await output(other, name), channels)
        return Math.sqrt(wanted.reduce((sum, m, c) => sum + (m - (found[c] ?? 0)) ** 2, 0))
      }
      expect(await shift(result)).toBeLessThan(0.3 * (await shift(plain)))
    }
    const decisions = StaticDecisions.parse(plan.decisions)
    expect(decisions.biases).toHaveLength(6)
    // The convolution without a bias has one, and all still run on integers.
    expect(decisions.nodes.find(n => n.id === 'c2')?.bias).toBe(2)
    expect(await fusedOperators(result)).toMatchObject({ QLinearConv: 3, QGemm: 3 })
  })

  test('a bias goes to the Add behind a MatMul, or to a new one', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 4, 48])],
      outputs: [makeValue('y', 'float32', ['n', 4, 6])],
      nodes: [
        makeNode('MatMul', ['x', 'w0'], ['a']),
        makeNode('Add', ['a', 'b0'], ['b']),
        makeNode('Relu', ['b'], ['c']),
        makeNode('MatMul', ['c', 'w1'], ['y']),
      ],
      initializers: [weight('w0', [48, 16], 1), weight('b0', [16], 2), weight('w1', [16, 6], 3)],
    })
    const data = arrayDataset({ x: { dims: [64, 4, 48], data: images } })
    const input = { model, calibration: { dataset: data, indices: data.indices('all') }, seed: 0, threads: 1 }
    const planned = (o: object) => staticInt8.plan(input, StaticOptions.parse(o), testContext())
    const plan = await planned({ equalize: true, biasCorrection: 'samples' })
    expect(plan.notes.map(n => n.code)).toContain('equalized')
    const result = await staticInt8.apply(model, plan)
    checkModel(result)
    expect(countOperators(result).Add).toBe(2)
    const x: Record<string, Tensor> = { x: { type: 'float32', dims: [64, 4, 48], data: images } }
    const answers = async (of: Model) => (await run(of, x)).y?.data as Float32Array
    const wanted = await answers(model)
    const plain = await staticInt8.apply(model, await planned({}))
    expect(sqnr(wanted, await answers(result))).toBeGreaterThan(sqnr(wanted, await answers(plain)))
  })

  test('a plan of another model is refused', async () => {
    const { plan } = await quantize(network(), { biasCorrection: 'samples' })
    const decisions = StaticDecisions.parse(plan.decisions)
    const strange = { ...decisions, biases: [{ id: 'nowhere', values: 'AAAAAA==' }] }
    expect(() => writeStatic(network(), strange)).toThrow(
      'The plan names a node that the model does not have.',
    )
  })
})

/** The network with the value behind its third layer as an output too. */
function withMiddle(): Model {
  const model = network(3)
  model.graph.proto.output.push(makeValue('c2', 'float32', ['n', 12, 4, 4]))
  return model
}

/** Mean of every channel of axis 1. */
function means(values: Float32Array, channels: number): Float64Array {
  const out = new Float64Array(channels)
  const inner = values.length / 64 / channels
  for (const [i, v] of values.entries()) {
    const c = Math.floor(i / inner) % channels
    out[c] = (out[c] ?? 0) + v / (64 * inner)
  }
  return out
}
