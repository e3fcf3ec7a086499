import { describe, expect, test } from 'vitest'
import type { Hardware, LayerSummary, ModelSummary } from '../../shared/domain'
import { adviseDynamic, adviseHalf, adviseStatic, adviseWeightOnly, macShare } from './advice'
import { StaticOptions } from './static/options'

function layer(op: string, parameters: number, macs: number): LayerSummary {
  return { name: op, op, parameters, macs, bytes: 4 * parameters, outputShape: null }
}

function summary(layers: LayerSummary[], more: Partial<ModelSummary> = {}): ModelSummary {
  const sum = (key: 'parameters' | 'macs' | 'bytes') => layers.reduce((s, l) => s + (l[key] ?? 0), 0)
  return {
    hash: 'h',
    sizeBytes: sum('bytes') + 2000,
    opset: 17,
    opsets: { '': 17 },
    producer: '',
    inputs: [],
    outputs: [],
    parameters: sum('parameters'),
    macs: sum('macs'),
    unknownCost: {},
    nodes: layers.length,
    operators: Object.fromEntries(layers.map(l => [l.op, 1])),
    layers,
    notes: [],
    ...more,
  }
}

const machine: Hardware = {
  cpu: 'Test CPU',
  physicalCores: 2,
  logicalCores: 4,
  features: ['avx2', 'avx512_vnni'],
  memoryBytes: 1,
  os: '',
  arch: 'x64',
  gpus: [],
  node: '',
  onnxruntime: '',
}
const old: Hardware = { ...machine, features: ['avx2'] }
const convolutional = summary([layer('Conv', 1_000_000, 90_000_000), layer('Gemm', 100_000, 100_000)])
const codes = (advice: { notes: { code: string }[] }) => advice.notes.map(n => n.code)
const options = (choice: object = {}) => StaticOptions.parse(choice)

describe('static int8', () => {
  test('on a machine with VNNI: a quarter of the weights, no warning', () => {
    const advice = adviseStatic({ model: convolutional, hardware: machine }, options())
    expect(advice.notes).toEqual([])
    expect(advice.sizeBytes).toBe(1_100_000 + 2000)
    expect(advice.latencyRatio?.high).toBeLessThan(1)
  })

  test('4-bit weights halve what lies between the first and last layers, and speed nothing up', () => {
    const deep = summary([layer('Conv', 1000, 9e6), layer('Conv', 1_000_000, 9e7), layer('Gemm', 1000, 1e5)])
    const about = { model: deep, hardware: old }
    const four = adviseStatic(about, options({ weights: 'int4' }))
    expect(codes(four)).toEqual(['int4-speed'])
    expect(four.sizeBytes).toBe(500_000 + 2000 + 2000)
    expect(four.latencyRatio?.high).toBeGreaterThan(1)
    expect(codes(adviseStatic(about, options({ weights: 'int4', activations: 'float' })))).toEqual([
      'weight-only-speed',
    ])
  })

  test('without VNNI it warns of speed and of saturation, which U8U8 and seven bits avoid', () => {
    const about = { model: convolutional, hardware: old }
    expect(codes(adviseStatic(about, options()))).toEqual(['no-int8-instructions', 'saturation'])
    expect(codes(adviseStatic(about, options({ format: 'U8U8' })))).toEqual(['no-int8-instructions'])
    expect(codes(adviseStatic(about, options({ reduceRange: true })))).toEqual(['no-int8-instructions'])
  })

  test('an unknown processor is not accused', () => {
    expect(
      codes(adviseStatic({ model: convolutional, hardware: { ...machine, features: [] } }, options())),
    ).toEqual([])
  })

  test('S8S8 on x86, a small model, a quantized model, a model without products', () => {
    const about = (model: ModelSummary) => ({ model, hardware: machine })
    expect(codes(adviseStatic(about(convolutional), options({ format: 'S8S8' })))).toEqual(['s8-on-x86'])
    expect(codes(adviseStatic(about(summary([layer('Conv', 100, 1000)])), options()))).toEqual(['very-small'])
    const done = summary([layer('Conv', 1e6, 1e8), layer('QuantizeLinear', 0, 0)])
    expect(codes(adviseStatic(about(done), options()))).toEqual(['already-quantized'])
    const none = adviseStatic(about(summary([layer('TreeEnsemble', 0, 0)])), options())
    expect([codes(none), none.latencyRatio]).toEqual([['nothing-to-quantize'], null])
  })
})

describe('dynamic int8', () => {
  test('on a convolutional network it says where that leads', () => {
    const about = { model: convolutional, hardware: machine }
    const advice = adviseDynamic(about, { convolutions: false, embeddings: true })
    expect(advice.notes[0]?.message).toBe(
      '100 % of the work is in convolutions, which dynamic int8 leaves in float: quantizing them so makes them 8 to 13 times slower (measured).',
    )
    expect(advice.sizeBytes).toBe(4 * 1_000_000 + 100_000 + 2000)
    const slow = adviseDynamic(about, { convolutions: true, embeddings: true })
    expect([codes(slow), slow.latencyRatio]).toEqual([['dynamic-convolution'], { low: 2, high: 13 }])
  })
})

test('float16 halves, weight-only quarters, neither promises speed on a CPU', () => {
  const about = { model: convolutional, hardware: machine }
  expect(adviseHalf(about).sizeBytes).toBe(2 * 1_100_000 + 2000)
  expect(codes(adviseHalf(about))).toEqual(['float16-on-cpu'])
  expect(adviseWeightOnly(about).sizeBytes).toBe(1_100_000 + 2000)
  expect(codes(adviseWeightOnly(about))).toEqual(['weight-only-speed'])
})

test('shares are of known work', () => {
  expect(macShare(summary([layer('Conv', 0, 30), layer('MatMul', 0, 10)]), ['MatMul'])).toBe(0.25)
  expect(macShare(summary([]), ['MatMul'])).toBe(0)
})
