import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { floatToHalf, halfToFloat } from '../../runtime/tensor'
import { float16 } from '../float16'
import { arrayDataset, normals, run, sqnr, testContext } from '../testing'
import { HalfDecisions } from './options'
import { SWITCHES, switchable } from './simulate'

const [N, C] = [16, 20]
const weight = (name: string, dims: number[], seed: number, scale: number) =>
  makeTensor(
    name,
    'float32',
    dims,
    normals(
      dims.reduce((a, b) => a * b, 1),
      seed,
      scale,
    ),
  )

/**
 * Three dense layers; between the first two a large number is added and taken away again, which costs half precision
 * most of its bits: float16 steps by 2 above 2048.
 */
function network(offset = 3000): Model {
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', C])],
    outputs: [makeValue('y', 'float32', ['n', 4])],
    nodes: [
      makeNode('MatMul', ['x', 'w1'], ['a']),
      makeNode('Tanh', ['a'], ['t']),
      makeNode('Add', ['t', 'large'], ['far'], {}, { name: 'there' }),
      makeNode('Sub', ['far', 'large'], ['back'], {}, { name: 'and-back' }),
      makeNode('MatMul', ['back', 'w2'], ['b']),
      makeNode('Relu', ['b'], ['r']),
      makeNode('MatMul', ['r', 'w3'], ['y']),
    ],
    initializers: [
      weight('w1', [C, 32], 1, 0.3),
      weight('w2', [32, 16], 2, 0.3),
      weight('w3', [16, 4], 3, 0.3),
      makeTensor('large', 'float32', [1], [offset]),
    ],
  })
}

const dataset = arrayDataset({ x: { dims: [N, C], data: normals(N * C, 5) } })
const feeds = { x: { type: 'float32' as const, dims: [8, C], data: normals(8 * C, 6) } }

async function plan(model: Model, options: Record<string, unknown>, data = true) {
  const input = { model, seed: 0, threads: 1 }
  const calibration = { dataset, indices: dataset.indices('all') }
  const made = await float16.plan(
    data ? { ...input, calibration } : input,
    float16.options.parse(options),
    testContext(),
  )
  return { made, decisions: HalfDecisions.parse(JSON.parse(JSON.stringify(made.decisions))) }
}

async function quality(model: Model, result: Model, given = feeds): Promise<number> {
  const [a, b] = [await run(model, given), await run(result, given)]
  return sqnr(a.y?.data as Float32Array, b.y?.data as Float32Array)
}

describe('automatic choice of what stays in float32', () => {
  test('keeps the group that costs most, with the reason, and reaches its goal', async () => {
    const model = network()
    const { made, decisions } = await plan(model, { keep: 'automatic', sqnr: 45 })
    expect(decisions.nodes).toEqual(['b', 'r', 'y'])
    const message = made.notes.find(n => n.code === 'kept-in-float32')?.message
    expect(message).toMatch(
      /^MatMul → a and 3 nodes behind it stay in float32: alone in float16 it leaves -?\d+\.\d dB\.$/,
    )
    expect(made.notes.find(n => n.code === 'half-measured')?.message).toMatch(
      /^All in float16 keeps -?\d+\.\d dB; with 4 nodes in float32 it keeps \d+\.\d dB, measured on samples\.$/,
    )
    const result = await float16.apply(model, made)
    checkModel(result)
    expect(await quality(model, result)).toBeGreaterThan(45)
    expect(serialize(await float16.apply(network(), JSON.parse(JSON.stringify(made))))).toEqual(
      serialize(result),
    )
  })

  test('keeps nothing where all of it is close enough', async () => {
    const { made, decisions } = await plan(network(0.5), { keep: 'automatic', sqnr: 45 })
    expect(decisions.nodes).toHaveLength(7)
    expect(made.notes.some(n => n.code === 'kept-in-float32')).toBe(false)
  })

  test('refuses a goal that half precision cannot reach, and a measurement without data', async () => {
    await expect(plan(network(), { keep: 'automatic', sqnr: 120 })).rejects.toThrow(
      'No node of this model can be in float16.',
    )
    await expect(plan(network(), { keep: 'automatic' }, false)).rejects.toThrow('there are no samples')
  })

  test('a switch rounds what its group reads and makes to float16, and nothing else', async () => {
    const model = network()
    const isFloat = (name: string) => name !== SWITCHES
    const made = switchable(model, [['a', 't'], ['y']], 'float16', isFloat)
    const at = async (on: number[]) =>
      (await run(made, { ...feeds, [SWITCHES]: { type: 'bool', dims: [2], data: Uint8Array.from(on) } })).y
        ?.data as Float32Array
    const exact = (await run(model, feeds)).y?.data as Float32Array
    expect(await at([0, 0])).toEqual(exact)
    const last = await at([0, 1])
    expect(last).not.toEqual(exact)
    expect(last).toEqual(last.map(v => halfToFloat(floatToHalf(v))))
    expect(sqnr(exact, last)).toBeGreaterThan(55)
    const first = await at([1, 0])
    expect(first).not.toEqual(exact)
    expect(first).not.toEqual(first.map(v => halfToFloat(floatToHalf(v))))
  })
})

describe('bfloat16', () => {
  test('stores weights at half the size, and stock ONNX Runtime on CPU runs it', async () => {
    const model = network(0.5)
    const { made } = await plan(model, { type: 'bfloat16' }, false)
    const result = await float16.apply(model, made)
    checkModel(result)
    expect(result.graph.initializer('w1_bf16')?.dataType).toBe(16)
    expect(result.graph.initializer('w1')).toBeUndefined()
    // Small constants stay.
    expect(result.graph.initializer('w3')?.dataType).toBe(1)
    const dB = await quality(model, result)
    expect(dB).toBeGreaterThan(38)
    expect(dB).toBeLessThan(70)
    expect(made.notes.map(n => n.message)).toContain('2 of 7 nodes read weights stored in bfloat16.')
  })

  test('keeps in float32 what costs most', async () => {
    const options = { type: 'bfloat16', keep: 'automatic' }
    const { made: loose, decisions } = await plan(network(0.5), { ...options, sqnr: 20 })
    expect(decisions.nodes).toEqual(['a', 'b'])
    const together = Number(
      /keeps ([\d.]+) dB/.exec(loose.notes.find(n => n.code === 'half-measured')?.message ?? '')?.[1],
    )
    expect(together).toBeGreaterThan(38)
    const { made, decisions: strict } = await plan(network(0.5), { ...options, sqnr: together + 1 })
    expect(strict.nodes).toHaveLength(1)
    expect(made.notes.find(n => n.code === 'kept-in-float32')?.message).toContain('alone in bfloat16')
  })

  test('a weight that an excluded node reads too stays for it', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', C])],
      outputs: [makeValue('y', 'float32', ['n', C])],
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['a']),
        makeNode('Tanh', ['a'], ['t']),
        makeNode('MatMul', ['t', 'w'], ['y'], {}, { name: 'exact' }),
      ],
      initializers: [weight('w', [C, C], 4, 0.2)],
    })
    const { made } = await plan(model, { type: 'bfloat16', exclude: ['exact'] }, false)
    const result = await float16.apply(model, made)
    expect(result.graph.producer('y')?.input[1]).toBe('w')
    expect(result.graph.producer('a')?.input[1]).toBe('w_f32')
    expect(await quality(model, result)).toBeGreaterThan(38)
  })
})
