import { describe, expect, it } from 'vitest'
import { hardware } from '../../measure/hardware'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { toNumbers } from '../../runtime/tensor'
import { saturates } from '../advice'
import { dynamicInt8 } from '../dynamic-int8'
import { normals, run, sqnr, testContext } from '../testing'
import { excess } from './excess'
import { saturatingPairs } from './pairs'
import { simulateSaturation } from './simulate'

describe('pairs', () => {
  it('saturate only where both weights have one sign and are large', () => {
    const row = Int8Array.of(127, 127, 64, 64, 127, -128, -128, -127, 100, 20, 127)
    expect(saturatingPairs(row).map(pair => pair.at)).toEqual([0, 6])
  })

  it('lose what lies beyond 16 bits', () => {
    expect(excess(2 * 127 * 255)).toBe(32767 - 2 * 127 * 255)
    expect(excess(2 * 127 * 100)).toBe(0)
    expect(excess(-2 * 128 * 255)).toBe(-32768 + 2 * 128 * 255)
  })
})

/** u8 codes · s8 codes, one layer, its result in float. */
function quantized(
  op: 'Gemm' | 'Conv',
  weights: number[],
  dims: number[],
  shape: (string | number)[],
): Model {
  const attributes: Record<string, bigint | bigint[]> =
    op === 'Gemm' ? { transB: 1n } : { pads: [1n, 1n, 1n, 1n] }
  return makeModel({
    inputs: [makeValue('x', 'float32', shape)],
    outputs: [makeValue('y', 'float32', null)],
    nodes: [
      makeNode('QuantizeLinear', ['x', 'one', 'zero'], ['q']),
      makeNode('DequantizeLinear', ['q', 'one', 'zero'], ['xd']),
      makeNode('DequantizeLinear', ['w', 'ones', 'zeros'], ['wd'], { axis: 0n }),
      makeNode(op, ['xd', 'wd'], ['y_raw'], attributes, { name: 'layer' }),
      makeNode('QuantizeLinear', ['y_raw', 'step', 'middle'], ['yq']),
      makeNode('DequantizeLinear', ['yq', 'step', 'middle'], ['y']),
    ],
    initializers: [
      makeTensor('one', 'float32', [], [1]),
      makeTensor('zero', 'uint8', [], [3]),
      makeTensor('w', 'int8', dims, weights),
      makeTensor('ones', 'float32', [dims[0] ?? 1], weights.slice(0, dims[0]).fill(1)),
      makeTensor('zeros', 'int8', [dims[0] ?? 1], weights.slice(0, dims[0]).fill(0)),
      makeTensor('step', 'float32', [], [2000]),
      makeTensor('middle', 'uint8', [], [100]),
    ],
  })
}

/** Whole numbers from 0 to 255, seeded. */
function codes(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (i * 89 + 200) % 253)
}

/** Signed weights, many of them large. */
function weights(count: number): number[] {
  return Array.from({ length: count }, (_, i) => [127, 120, -5, 90, -128, -126, 101][i % 7] as number)
}

const LIMITS = { threads: 1, milliseconds: 10_000 }

describe('a model', () => {
  const cases = [
    { op: 'Gemm' as const, dims: [5, 9], shape: [4, 9] },
    { op: 'Conv' as const, dims: [6, 5, 3, 3], shape: [2, 5, 6, 7] },
    { op: 'Conv' as const, dims: [8, 8, 3, 3], shape: [2, 8, 5, 5] },
  ]

  it.each(cases)(
    '$op $dims answers as this processor does, saturating or not',
    async ({ op, dims, shape }) => {
      const model = quantized(op, weights(dims.reduce((a, b) => a * b)), dims, ['n', ...shape.slice(1)])
      const x = { type: 'float32' as const, dims: shape, data: codes(shape.reduce((a, b) => a * b)) }
      const found = await simulateSaturation(model, [{ x }], LIMITS, testContext())
      expect(found?.layers).toHaveLength(1)
      const [exact, saturated] = [found?.exact[0]?.y, found?.saturated[0]?.y]
      if (!exact || !saturated) throw new Error('nothing was simulated')
      expect(sqnr([...toNumbers(exact)], [...toNumbers(saturated)])).toBeLessThan(40)
      const { y } = await run(model, { x })
      const here = saturates(await hardware()) ? saturated : exact
      // Half a step of the codes may fall to either side.
      expect(sqnr([...toNumbers(here)], [...(y ? toNumbers(y) : [])])).toBeGreaterThan(60)
    },
  )

  it('with activations quantized as they come answers as this processor does', async () => {
    const wide = Float32Array.from(weights(90), w => w / 128)
    const float = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 3, 9])],
      outputs: [makeValue('y', 'float32', null)],
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['h'], {}, { name: 'first' }),
        makeNode('MatMul', ['h', 'v'], ['y'], {}, { name: 'second' }),
      ],
      initializers: [
        makeTensor('w', 'float32', [9, 10], wide),
        makeTensor('v', 'float32', [10, 3], normals(30, 4)),
      ],
    })
    const made = async (options: object) => {
      const parsed = dynamicInt8.options.parse(options)
      const plan = await dynamicInt8.plan({ model: float, seed: 0, threads: 1 }, parsed, testContext())
      return dynamicInt8.apply(float, plan)
    }
    const model = await made({})
    const x = { type: 'float32' as const, dims: [4, 3, 9], data: codes(108) }
    const found = await simulateSaturation(model, [{ x }], LIMITS, testContext())
    expect(found?.looked).toBe(2)
    expect(found?.layers.map(({ node }) => node)).toContain('MatMulInteger first')
    const answers = [found?.exact[0]?.y, found?.saturated[0]?.y].map(y => (y ? [...toNumbers(y)] : []))
    const [exact = [], saturated = []] = answers
    expect(sqnr(exact, saturated)).toBeLessThan(40)
    const { y } = await run(model, { x })
    const here = saturates(await hardware()) ? saturated : exact
    expect(sqnr(here, [...(y ? toNumbers(y) : [])])).toBeGreaterThan(60)
    // What the note tells people to choose mends it.
    const seven = await simulateSaturation(await made({ reduceRange: true }), [{ x }], LIMITS, testContext())
    expect(seven?.layers).toEqual([])
  })

  it('of small weights saturates nowhere, and one without 8-bit products is none', async () => {
    const small = quantized(
      'Gemm',
      weights(45).map(w => w >> 1),
      [5, 9],
      ['n', 9],
    )
    const x = { type: 'float32' as const, dims: [4, 9], data: codes(36) }
    const found = await simulateSaturation(small, [{ x }], LIMITS, testContext())
    expect(found).toMatchObject({ layers: [], safe: 1, looked: 1 })
    const float = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 9])],
      outputs: [makeValue('y', 'float32', ['n', 9])],
      nodes: [makeNode('Relu', ['x'], ['y'])],
      initializers: [],
    })
    expect(await simulateSaturation(float, [{ x }], LIMITS, testContext())).toBeNull()
  })
})
