import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../shared/domain'
import { Random } from '../../data/random'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { makeTensor, tensorDims } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import type { Tensor } from '../../runtime/tensor'
import { preparedForStatic } from '../prepare'
import { StaticDecisions, StaticOptions } from '../static/options'
import { plannedLayers } from '../static/planned'
import { staticInt8 } from '../static-int8'
import { arrayDataset, normals, normalTensor, run, sqnr, testContext } from '../testing'
import { Walk } from '../walk/walk'
import { floatValues, quantizeWeight } from '../weights'
import { packBits, unpackBits } from './bits'
import { roundedLayer } from './layer'
import { learnRounding } from './learn'
import { Gather, runsOf } from './rows'

const COUNT = 60

function weight(name: string, dims: number[], seed: number) {
  const fan = dims.slice(1).reduce((a, b) => a * b, 1)
  return normalTensor(name, dims, seed, 1 / Math.sqrt(fan))
}

/** Strided, depthwise, grouped and dilated convolutions behind batch normalization, then Gemm of both layouts. */
function network(): Model {
  const norm = (name: string, channels: number, seed: number) => [
    makeTensor(
      `${name}_g`,
      'float32',
      [channels],
      normals(channels, seed).map(v => 0.5 + Math.abs(v)),
    ),
    makeTensor(`${name}_b`, 'float32', [channels], normals(channels, seed + 1, 0.3)),
    makeTensor(`${name}_m`, 'float32', [channels], normals(channels, seed + 2, 0.1)),
    makeTensor(
      `${name}_v`,
      'float32',
      [channels],
      normals(channels, seed + 3).map(v => 0.5 + Math.abs(v)),
    ),
  ]
  const normalize = (x: string, name: string, output: string) =>
    makeNode('BatchNormalization', [x, `${name}_g`, `${name}_b`, `${name}_m`, `${name}_v`], [output])
  return makeModel({
    inputs: [makeValue('x', 'float32', ['n', 2, 9, 9])],
    outputs: [makeValue('y', 'float32', ['n', 4])],
    nodes: [
      makeNode('Conv', ['x', 'w0'], ['c0'], { strides: [2n, 2n], pads: [1n, 0n, 1n, 0n] }),
      normalize('c0', 'n0', 'b0'),
      makeNode('Relu', ['b0'], ['r0']),
      makeNode('Conv', ['r0', 'w1'], ['c1'], { auto_pad: 'SAME_UPPER', group: 8n }),
      normalize('c1', 'n1', 'b1'),
      makeNode('LeakyRelu', ['b1'], ['r1'], { alpha: 0.2 }),
      makeNode('Conv', ['r1', 'w2', 'bias2'], ['c2'], { group: 2n, dilations: [2n, 1n] }),
      makeNode('Flatten', ['c2'], ['f']),
      makeNode('Gemm', ['f', 'w3'], ['g3'], { alpha: 0.5, transB: 1n }),
      makeNode('Tanh', ['g3'], ['t3']),
      makeNode('Gemm', ['t3', 'w4', 'bias4'], ['y']),
    ],
    initializers: [
      weight('w0', [8, 2, 3, 3], 1),
      ...norm('n0', 8, 20),
      weight('w1', [8, 1, 3, 3], 2),
      ...norm('n1', 8, 30),
      weight('w2', [6, 4, 2, 2], 3),
      makeTensor('bias2', 'float32', [6], normals(6, 4, 0.1)),
      weight('w3', [12, 54], 5),
      weight('w4', [12, 4], 6),
      makeTensor('bias4', 'float32', [4], normals(4, 7, 0.1)),
    ],
  })
}

const data = normals(COUNT * 162, 11)
const dataset = arrayDataset({ x: { dims: [COUNT, 2, 9, 9], data } })
const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [COUNT, 2, 9, 9], data } }
const coarse = { perChannel: false, reduceRange: true }

async function planned(model: Model, options: object, seed = 0, samples = COUNT): Promise<Plan> {
  const indices = dataset.indices('all').subarray(0, samples)
  const input = { model, calibration: { dataset, indices }, seed, threads: 1 }
  return staticInt8.plan(input, StaticOptions.parse(options), testContext())
}

const bytes = (model: Model) => Buffer.from(serialize(model))
const answers = async (model: Model) => (await run(model, feeds)).y?.data as Float32Array

test('bits survive text, and another number of them is told', () => {
  const up = Uint8Array.from({ length: 19 }, (_, i) => ((i * 7) % 3) & 1)
  expect(unpackBits(packBits(up), 19)).toEqual(up)
  expect(unpackBits(packBits(up), 25)).toBeNull()
})

test('weights are rounded as the bits say, and never leave the codes', () => {
  const values = Float32Array.of(0.26, 0.24, -0.26, 1.27, -1.27)
  const weight = { axis: null, scales: [0.01], zeroPoint: 0 }
  const codes = (bits: number[]) =>
    Array.from(
      quantizeWeight(
        values,
        [5],
        { ...weight, up: packBits(Uint8Array.from(bits)) },
        { type: 'int8', reduced: false },
      ),
    )
  const down = codes([0, 0, 0, 0, 0])
  const up = codes([1, 1, 1, 1, 1])
  expect(up).toEqual(down.map(q => q + 1))
  expect(down[1]).toBe(24)
  expect(Math.max(...up)).toBeLessThanOrEqual(127)
  expect(Math.min(...down)).toBeGreaterThanOrEqual(-127)
})

describe('rows of a layer', () => {
  test('times the float weights give what the layer gives, in every kind of layer', async () => {
    const { model } = await preparedForStatic(network())
    const decisions = StaticDecisions.parse((await planned(network(), {})).decisions)
    const all = plannedLayers(model, decisions)
    expect(all.map(l => l.node.opType)).toEqual(['Conv', 'Conv', 'Conv', 'Gemm', 'Gemm'])
    const layers = all.map(one => {
      const layer = roundedLayer(model, all, one, decisions)
      if (typeof layer === 'string') throw new Error(layer)
      return layer
    })
    const runs = runsOf(modelInputs(model), dataset.indices('all'))
    const stops = layers.map(l => ({ values: [l.node.input[0] ?? '', l.result], changes: [] }))
    const walk = await Walk.begin({ model, dataset, runs, threads: 1 }, stops, testContext())
    for (const layer of layers) {
      await walk.next(testContext())
      const gather = new Gather(layer, runs.length, new Random(1))
      for (const run of runs.keys())
        gather.add(await walk.value(run, layer.node.input[0] ?? ''), await walk.value(run, layer.result))
      const rows = gather.rows()
      expect(rows.held.count).toBeGreaterThan(0)
      const tensor = model.graph.initializer(layer.weight)
      if (!tensor) throw new Error(layer.weight)
      const weights = floatValues(tensor, null)
      // With one step and codes that are the weights themselves, scaled, the error to nearest is that of the rows.
      const scale = 1e-6
      const learned = await learnRounding(
        {
          layer,
          weights,
          floor: weights.map(w => Math.floor(w / scale)),
          nearest: weights.map(w => Math.round(w / scale)),
          scales: [scale],
          rows,
          steps: 1,
          seed: 0,
          threads: 1,
        },
        testContext(),
      )
      expect(learned?.before).toBeLessThan(1e-9)
    }
    await walk.close()
  })
})

test('of a few weights, the rounding learned is close to the best there is', async () => {
  const inputs = 9
  const random = normals(400 * inputs, 3)
  // Inputs that go together: there rounding each to nearest is far from best.
  const read = random.map((v, i) => v * 0.3 + (random[Math.floor(i / inputs)] ?? 0) + 1)
  const weights = normals(inputs, 5)
  const scale = 0.25
  const answer = (w: (k: number) => number) =>
    Float32Array.from({ length: 400 }, (_, r) => {
      let sum = 0
      for (let k = 0; k < inputs; k++) sum += w(k) * (read[r * inputs + k] ?? 0)
      return sum
    })
  const given = answer(k => weights[k] ?? 0)
  const rows = { count: 400, read, given }
  const floor = weights.map(w => Math.floor(w / scale))
  const error = (codes: (k: number) => number) => {
    const found = answer(k => scale * codes(k))
    return found.reduce((sum, v, i) => sum + (v - (given[i] ?? 0)) ** 2, 0)
  }
  const errors = Array.from({ length: 2 ** inputs }, (_, bits) =>
    error(k => (floor[k] ?? 0) + ((bits >> k) & 1)),
  )
  const layer = {
    id: 'y',
    node: makeNode('Gemm', ['x', 'w'], ['y']),
    weight: 'w',
    axis: null,
    groups: 1,
    kernel: [],
    inputs,
    outputs: 1,
    byRow: false,
    alpha: 1,
    bias: null,
    activation: null,
    result: 'y',
  }
  const nearest = weights.map(w => Math.round(w / scale))
  const learned = await learnRounding(
    {
      layer,
      weights,
      floor,
      nearest,
      scales: [scale],
      rows: { learn: rows, held: rows },
      steps: 600,
      seed: 0,
      threads: 1,
    },
    testContext(),
  )
  const found = error(k => (floor[k] ?? 0) + (learned?.up[k] ?? 0))
  const better = errors.filter(e => e < found).length
  expect(found).toBeLessThan(0.5 * error(k => nearest[k] ?? 0))
  expect(better).toBeLessThan(0.03 * errors.length)
})

describe('a plan with learned rounding', () => {
  const options = { ...coarse, rounding: 'adaround', roundingSteps: 120 }

  test('loses less than rounding to nearest, moves codes to neighbours only, and says how it went', async () => {
    const plan = await planned(network(), options)
    const result = await staticInt8.apply(network(), plan)
    checkModel(result)
    const plain = await staticInt8.apply(network(), await planned(network(), coarse))
    const wanted = await answers(network())
    expect(sqnr(wanted, await answers(result))).toBeGreaterThan(sqnr(wanted, await answers(plain)))
    const { roundings, weights } = StaticDecisions.parse(plan.decisions)
    expect(roundings.map(r => r.id)).toEqual(['b0', 'b1', 'c2', 'g3', 'y'])
    for (const r of roundings) expect(r.learned).toBe(r.after < r.before)
    expect(weights.filter(w => w.up !== undefined)).toHaveLength(roundings.filter(r => r.learned).length)
    expect(plan.notes.find(n => n.code === 'rounding-learned')?.message).toMatch(/fell to \d+ % of that/)
    for (const tensor of result.graph.initializers()) {
      if (!tensor.name.endsWith('_q') || tensorDims(tensor).length < 2) continue
      const before = plain.graph.initializer(tensor.name)
      const moved = [...tensor.rawData].filter((q, i) => {
        const by = Math.abs(((q << 24) >> 24) - (((before?.rawData[i] ?? 0) << 24) >> 24))
        expect(by).toBeLessThanOrEqual(1)
        return by > 0
      })
      expect(moved.length).toBeLessThan(tensor.rawData.length)
    }
  })

  test('is the same again', async () => {
    const decisions = async () =>
      JSON.stringify((await planned(network(), { ...options, roundingSteps: 10 }, 1)).decisions)
    expect(await decisions()).toBe(await decisions())
  })

  test('needs samples to hold out', async () => {
    await expect(planned(network(), options, 0, 1)).rejects.toThrow(/no samples are left to judge it on/)
  })
})

test('analytic bias correction leaves out layers whose rounding was learned', async () => {
  const options = { ...coarse, rounding: 'adaround', roundingSteps: 120, biasCorrection: 'analytic' }
  const plan = await planned(network(), options)
  const { roundings, biases } = StaticDecisions.parse(plan.decisions)
  const learned = roundings.filter(r => r.learned).map(r => r.id)
  expect(learned.length).toBeGreaterThan(0)
  expect(biases.filter(b => learned.includes(b.id))).toEqual([])
  const said = plan.notes.filter(n => n.message.endsWith('its rounding was learned with the shift in view.'))
  expect(said).toHaveLength(learned.length)
})

test.each([
  ...['none', 'samples', 'analytic'].flatMap(biasCorrection =>
    [false, true].map(equalize => ({ rounding: 'nearest', biasCorrection, equalize })),
  ),
  { rounding: 'adaround', biasCorrection: 'none', equalize: true },
  { rounding: 'adaround', biasCorrection: 'samples', equalize: true },
  { rounding: 'adaround', biasCorrection: 'analytic', equalize: true },
  { rounding: 'adaround', biasCorrection: 'samples', equalize: false },
])('the plan of %o gives the same bytes again, and they run', async options => {
  const plan = await planned(network(), { ...coarse, ...options, roundingSteps: 10 })
  const result = await staticInt8.apply(network(), plan)
  const again = await staticInt8.apply(network(), JSON.parse(JSON.stringify(plan)))
  expect(bytes(again).equals(bytes(result))).toBe(true)
  expect(sqnr(await answers(network()), await answers(result))).toBeGreaterThan(10)
})
