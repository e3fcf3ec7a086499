import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../shared/domain'
import type { BantamError } from '../../shared/errors'
import { hardware } from '../measure/hardware'
import { inspectModel } from '../measure/inspect'
import { intAttribute, makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims, tensorValues } from '../onnx/tensor'
import { serialize, writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'
import type { Int4Options } from './blocks/options'
import { editableCopy } from './copy'
import { countOperators, fusedOperators, normals, normalTensor, run, sqnr, testContext } from './testing'
import { weightInt4 } from './weight-int4'
import { weightInt8 } from './weight-int8'

const weight = (name: string, dims: number[], seed: number, scale = 0.1) =>
  normalTensor(name, dims, seed, scale)

/** MatMul + Add over 100 inputs, then a transposed Gemm with alpha and beta over 64. */
function network(opset = 17): Model {
  return makeModel({
    opset,
    inputs: [makeValue('x', 'float32', ['n', 100])],
    outputs: [makeValue('y', 'float32', ['n', 40])],
    nodes: [
      makeNode('MatMul', ['x', 'w'], ['m'], {}, { name: 'first' }),
      makeNode('Add', ['m', 'b'], ['a']),
      makeNode('Tanh', ['a'], ['t']),
      makeNode('Gemm', ['t', 'v', 'c'], ['y'], { transB: 1n, alpha: 0.5, beta: 2 }, { name: 'second' }),
    ],
    initializers: [
      weight('w', [100, 64], 2),
      weight('b', [64], 3),
      weight('v', [40, 64], 4),
      weight('c', [40], 5),
    ],
  })
}

const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [6, 100], data: normals(600, 9) } }

async function apply(
  model: Model,
  options: Partial<Int4Options> = {},
): Promise<{ plan: Plan; result: Model }> {
  const input = { model, seed: 0, threads: 1 }
  const plan = await weightInt4.plan(input, weightInt4.options.parse(options), testContext())
  const result = await weightInt4.apply(model, JSON.parse(JSON.stringify(plan)) as Plan)
  checkModel(result)
  const again = serialize(await weightInt4.apply(model, plan))
  expect(Buffer.compare(again, serialize(result)), 'the same plan gives the same bytes').toBe(0)
  return { plan, result }
}

async function failure(promise: Promise<unknown>): Promise<[string, string, string | undefined]> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (e: BantamError) => e,
  )
  const { code, message, action } = error as BantamError
  return [code, message, action]
}

const values = (model: Model, name: string | undefined) => {
  const tensor = model.graph.initializer(name ?? '')
  return tensor && { dims: tensorDims(tensor), data: tensorValues(tensor, null).data as Float32Array }
}

/** [K, N] weights that a MatMulNBits node stands for, read as ONNX Runtime's documentation says. */
function weightsOf(model: Model, output: string): Float32Array {
  const node = model.graph.producer(output)
  if (node?.opType !== 'MatMulNBits') throw new Error(`${output} is made by ${node?.opType}`)
  const [k, n, group] = ['K', 'N', 'block_size'].map(name => intAttribute(node, name, 0)) as [
    number,
    number,
    number,
  ]
  const count = Math.ceil(k / group)
  const [codes, scales, zeros] = [1, 2, 3].map(i => values(model, node.input[i]))
  expect(codes?.dims).toEqual([n, count, group / 2])
  expect(scales?.dims).toEqual([n, count])
  const nibble = (bytes: ArrayLike<number>, row: number, width: number, at: number) =>
    ((bytes[row * width + (at >> 1)] as number) >> (4 * (at & 1))) & 15
  const zeroOf = (j: number, b: number) => {
    if (!zeros) return 8
    if (zeros.data instanceof Float32Array) return zeros.data[j * count + b] as number
    expect(zeros.dims).toEqual([n, Math.ceil(count / 2)])
    return nibble(zeros.data, j, Math.ceil(count / 2), b)
  }
  return Float32Array.from({ length: k * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n]
    const b = Math.floor(i / group)
    const code = nibble(codes?.data ?? [], j, (count * group) / 2, i)
    return (scales?.data[j * count + b] as number) * (code - zeroOf(j, b))
  })
}

/** The network with the decoded weights in float. */
function decoded(result: Model, gemmOutput: string): Model {
  const { proto } = network()
  const model = editableCopy(network())
  if (!proto.graph) throw new Error('no graph')
  model.graph.setInitializer(makeTensor('w', 'float32', [100, 64], weightsOf(result, 'm')))
  const second = weightsOf(result, gemmOutput)
  // Of [64, 40] with alpha in it back to [40, 64] without.
  const back = Float32Array.from(
    second,
    (_, at) => 2 * (second[(at % 64) * 40 + Math.floor(at / 64)] as number),
  )
  model.graph.setInitializer(makeTensor('v', 'float32', [40, 64], back))
  return model
}

function largestDifference(a: Tensor | undefined, b: Tensor | undefined): number {
  expect(a?.dims).toEqual(b?.dims)
  const [left, right] = [a?.data as Float32Array, b?.data as Float32Array]
  return left.reduce((most, value, i) => Math.max(most, Math.abs(value - (right[i] as number))), 0)
}

describe('MatMulNBits', () => {
  test.each<[Partial<Int4Options>, number]>([
    [{}, 20],
    [{ symmetric: true }, 20],
    [{ group: 16 }, 21.5],
    [{ group: 256 }, 18],
    [{ rounding: 'hqq' }, 20.5],
    [{ rounding: 'hqq', fractional: true }, 21],
    [{ rounding: 'hqq', symmetric: true, group: 64 }, 19],
  ])('%j computes as its decoded weights do, and keeps at least %d dB', async (options, floor) => {
    const model = network()
    const { result } = await apply(model, options)
    expect(countOperators(result)).toEqual({ MatMulNBits: 2, Add: 2, Tanh: 1 })
    expect([result.opset('com.microsoft'), result.opset()]).toEqual([1, 17])
    const product = result.graph.producer('y')?.input[0] as string
    const [y, reference, original] = [
      await run(result, feeds),
      await run(decoded(result, product), feeds),
      await run(model, feeds),
    ]
    expect(largestDifference(y.y, reference.y)).toBeLessThan(2e-5)
    expect(sqnr(original.y?.data as Float32Array, y.y?.data as Float32Array)).toBeGreaterThan(floor)
  })

  test('int8 arithmetic runs', async () => {
    const model = network()
    const { result } = await apply(model, { arithmetic: 'int8' })
    const [y, original] = [await run(result, feeds), await run(model, feeds)]
    expect(sqnr(original.y?.data as Float32Array, y.y?.data as Float32Array)).toBeGreaterThan(20)
  })

  test('layers that share a weight share its codes', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 48])],
      outputs: [makeValue('y', 'float32', ['n', 48])],
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['h'], {}, { name: 'one' }),
        makeNode('MatMul', ['h', 'w'], ['y'], {}, { name: 'two' }),
      ],
      initializers: [weight('w', [48, 48], 1)],
    })
    const { result } = await apply(model)
    expect([...result.graph.initializers()].map(t => t.name)).toEqual(['w_int4', 'w_scales', 'w_zero_points'])
    expect(
      (await run(result, { x: { type: 'float32', dims: [1, 48], data: normals(48, 1) } })).y?.dims,
    ).toEqual([1, 48])
  })
})

describe('DequantizeLinear', () => {
  test.each<[Partial<Int4Options>, string]>([
    [{}, 'uint4'],
    [{ symmetric: true }, 'int4'],
    [{ rounding: 'hqq', group: 16 }, 'uint4'],
  ])('%j in %s blocks means the same weights as MatMulNBits', async (options, type) => {
    const model = network()
    const { plan, result } = await apply(model, { ...options, form: 'dequantize' })
    expect(countOperators(result)).toEqual({ DequantizeLinear: 2, MatMul: 1, Gemm: 1, Add: 1, Tanh: 1 })
    expect(plan.notes.map(n => n.message)).toContain(
      'The operator set is raised from 17 to 21, which DequantizeLinear needs for blocks of 4-bit codes.',
    )
    expect([result.opset(), result.proto.irVersion]).toEqual([21, 10n])
    expect(result.graph.initializer(`w_${type}`)?.dims).toEqual([100n, 64n])
    const session = await openSession(serialize(result), { threads: 1, optimization: 'disabled' })
    const y = await session.run(feeds)
    await session.close()
    const { result: other } = await apply(model, options)
    const product = other.graph.producer('y')?.input[0] as string
    expect(largestDifference(y.y, (await run(decoded(other, product), feeds)).y)).toBeLessThan(2e-5)
    const original = await run(model, feeds)
    expect(sqnr(original.y?.data as Float32Array, y.y?.data as Float32Array)).toBeGreaterThan(20)
    // ONNX Runtime makes MatMulNBits of it while loading, and then rounds activations to int8.
    expect((await fusedOperators(result)).MatMulNBits).toBeGreaterThan(0)
    const fused = await run(result, feeds)
    expect(sqnr(original.y?.data as Float32Array, fused.y?.data as Float32Array)).toBeGreaterThan(20)
  })

  test('an operator set that cannot be raised is told', async () => {
    const model = makeModel({
      opset: 17,
      inputs: [makeValue('x', 'float32', [1, 8, 4, 4]), makeValue('g', 'float32', [1, 2, 2, 2])],
      outputs: [makeValue('y', 'float32', null)],
      nodes: [
        makeNode('GridSample', ['x', 'g'], ['s'], {}, { name: 'warp' }),
        makeNode('Flatten', ['s'], ['f']),
        makeNode('MatMul', ['f', 'w'], ['y']),
      ],
      initializers: [weight('w', [32, 64], 1)],
    })
    expect(await failure(apply(model, { form: 'dequantize' }))).toEqual([
      'unsupported',
      'Blocks in DequantizeLinear need opset 21; this model has 17.',
      'It cannot be raised: GridSample warp means something else since opset 20. Choose the form nbits.',
    ])
  })
})

describe('what stays', () => {
  test('small, excluded, left-hand, shared with an embedding, and tables, each with its reason', async () => {
    const model = makeModel({
      inputs: [makeValue('ids', 'int64', [3])],
      outputs: [makeValue('y', 'float32', null), makeValue('z', 'float32', null)],
      nodes: [
        makeNode('Gather', ['table', 'ids'], ['e'], {}, { name: 'embed' }),
        makeNode('MatMul', ['e', 'w'], ['a'], {}, { name: 'kept' }),
        makeNode('MatMul', ['a', 'q'], ['b'], {}, { name: 'dense' }),
        makeNode('MatMul', ['b', 'tiny'], ['c'], {}, { name: 'small' }),
        makeNode('MatMul', ['mix', 'b'], ['z'], {}, { name: 'mixer' }),
        makeNode('Gemm', ['b', 'table', ''], ['y'], { transB: 1n }, { name: 'head' }),
        makeNode('Relu', ['c'], ['unused']),
      ],
      initializers: [
        weight('table', [90, 64], 1),
        weight('w', [64, 64], 2),
        weight('q', [64, 64], 3),
        weight('tiny', [64, 4], 4),
        weight('mix', [5, 3], 5),
      ],
    })
    model.graph.proto.output.push(makeValue('unused', 'float32', null))
    const { plan, result } = await apply(model, { exclude: ['kept'] })
    expect(countOperators(result)).toMatchObject({ MatMulNBits: 1, MatMul: 3, Gemm: 1, Gather: 1 })
    expect(plan.notes.map(n => n.message)).toEqual(
      expect.arrayContaining([
        'Gather embed stays in float: embedding tables are stored in 4 bits only where asked for.',
        'MatMul kept stays in float: excluded.',
        'MatMul small stays in float: it has fewer than 1024 weights.',
        'MatMul mixer stays in float: its weights are on the left.',
        'Gemm head stays in float: Gather embed reads its weights in float, and they would be stored twice.',
        'The weights of 1 dense layer are stored in 4 bits, 5.13 with scales.',
      ]),
    )
  })

  test('fractional zero points are refused where there are none', async () => {
    expect(await failure(apply(network(), { fractional: true }))).toEqual([
      'bad-option',
      'Zero points cannot be fractions here: rounding to nearest has whole zero points.',
      'They are for hqq in the form nbits, without symmetric.',
    ])
  })

  test('a model without dense layers is refused, and one that is quantized already', async () => {
    expect(await failure(apply(network(), { least: 100_000 }))).toEqual([
      'unsupported',
      'No dense layer of this model can be stored in 4 bits.',
      'MatMul first stays in float: it has fewer than 100000 weights.',
    ])
    const { result } = await apply(network())
    expect((await failure(apply(result)))[2]).toBe(
      'It is already quantized: it holds MatMulNBits. Start from the float model.',
    )
    const context = testContext()
    const eight = await weightInt8.plan(
      { model: network(), seed: 0, threads: 1 },
      weightInt8.options.parse({}),
      context,
    )
    expect((await failure(apply(await weightInt8.apply(network(), eight))))[2]).toBe(
      'It is already quantized: it holds DequantizeLinear. Start from the float model.',
    )
  })
})

describe('size', () => {
  const big = () =>
    makeModel({
      inputs: [makeValue('x', 'float32', ['n', 256])],
      outputs: [makeValue('y', 'float32', ['n', 256])],
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'], {}, { name: 'dense' })],
      initializers: [weight('w', [256, 256], 1)],
    })

  test.each<[Partial<Int4Options>, number]>([
    [{}, 0.162],
    [{ symmetric: true }, 0.158],
    [{ group: 128 }, 0.136],
    [{ rounding: 'hqq' }, 0.162],
    [{ rounding: 'hqq', fractional: true }, 0.19],
    [{ form: 'dequantize' }, 0.162],
  ])('%j: at most %d of float', async (options, most) => {
    const model = big()
    const { result } = await apply(model, options)
    expect(serialize(result).length / serialize(model).length).toBeLessThan(most)
  })

  test('advice expects it', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bantam-int4-')), 'big.onnx')
    await writeModel(big(), path)
    const about = { model: await inspectModel(path), hardware: await hardware() }
    const size = serialize((await apply(big())).result).length
    const advice = weightInt4.advise(about, weightInt4.options.parse({}))
    expect(Math.abs((advice.sizeBytes ?? 0) / size - 1)).toBeLessThan(0.02)
    expect(advice.notes.map(n => n.code)).toEqual(
      expect.arrayContaining(['weight-only-size', 'weight-only-speed']),
    )
    const none = weightInt4.advise(about, weightInt4.options.parse({ exclude: ['dense'] }))
    expect(none).toMatchObject({ latencyRatio: null })
    expect(none.notes.map(n => n.code)).toContain('nothing-to-quantize')
    const slow = weightInt4.advise(about, weightInt4.options.parse({ rounding: 'hqq', fractional: true }))
    expect(slow.notes.map(n => n.code)).toContain('fractional-zero-points')
  })
})
