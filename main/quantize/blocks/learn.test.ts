import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../shared/domain'
import type { BantamError } from '../../../shared/errors'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import type { SampleSet } from '../../technique'
import { arrayDataset, countOperators, normals, normalTensor, run, sqnr, testContext } from '../testing'
import { weightInt4 } from '../weight-int4'
import { eachInput, inputGroups, stagesOf } from './inputs'
import { BlockDecisions, type Int4Options } from './options'

const C = 64
const weight = (name: string, dims: number[], seed: number, scale = 0.2) =>
  normalTensor(name, dims, seed, scale)

/** A normalization read by two layers, a gate, a third layer, and one behind a Tanh. Some channels are large. */
function network(): Model {
  const scale = normals(C, 3).map((v, i) => v + (i % 16 === 0 ? 12 : 0.3))
  return makeModel({
    opset: 17,
    inputs: [makeValue('x', 'float32', ['n', 5, C]), makeValue('attention_mask', 'int64', ['n', 5])],
    outputs: [makeValue('y', 'float32', ['n', 5, 24]), makeValue('m', 'int64', ['n', 5])],
    nodes: [
      makeNode('LayerNormalization', ['x', 'scale', 'shift'], ['h'], { axis: -1n }),
      makeNode('MatMul', ['h', 'w1'], ['a'], {}, { name: 'one' }),
      makeNode('MatMul', ['h', 'w2'], ['b'], {}, { name: 'two' }),
      makeNode('Relu', ['a'], ['r']),
      makeNode('Mul', ['r', 'b'], ['g']),
      makeNode('MatMul', ['g', 'w3'], ['c'], {}, { name: 'three' }),
      makeNode('Tanh', ['c'], ['t']),
      makeNode('MatMul', ['t', 'w4'], ['y'], {}, { name: 'four' }),
      makeNode('Identity', ['attention_mask'], ['m']),
    ],
    initializers: [
      makeTensor('scale', 'float32', [C], scale),
      weight('shift', [C], 4),
      weight('w1', [C, 96], 5),
      weight('w2', [C, 96], 6),
      weight('w3', [96, C], 7),
      weight('w4', [C, 24], 8),
    ],
  })
}

const SAMPLES = 40
/** The mask, which the dataset of arrays has as floats, hides the last two places of every sample. */
function samples(): SampleSet {
  const x = normals(SAMPLES * 5 * C, 21)
  const dataset = arrayDataset({ x: { dims: [SAMPLES, 5, C], data: x } })
  return {
    dataset: {
      ...dataset,
      async batch(indices) {
        const { feeds } = await dataset.batch(indices)
        const mask = BigInt64Array.from({ length: indices.length * 5 }, (_, i) => (i % 5 < 3 ? 1n : 0n))
        return {
          feeds: { ...feeds, attention_mask: { type: 'int64', dims: [indices.length, 5], data: mask } },
        }
      },
    },
    indices: Uint32Array.from({ length: SAMPLES }, (_, i) => i),
  }
}

/** `twice`: and a second time, to the same bytes. */
async function apply(
  options: Partial<Int4Options>,
  twice = false,
): Promise<{ plan: Plan; result: Model; lines: string[] }> {
  const [model, set] = [network(), samples()]
  const input = { model, calibration: set, training: set, seed: 3, threads: 1 }
  const parsed = weightInt4.options.parse({ samples: 32, ...options })
  expect(weightInt4.learns?.(parsed)).toBe(true)
  const plan = await weightInt4.plan(input, parsed, testContext())
  const context = testContext()
  const again = { training: set, threads: 1, device: 'cpu' as const, context, record: () => {} }
  const result = await weightInt4.apply(model, JSON.parse(JSON.stringify(plan)) as Plan, again)
  checkModel(result)
  if (!twice) return { plan, result, lines: context.lines }
  const other = await weightInt4.apply(network(), plan, { ...again, context: testContext() })
  expect(Buffer.compare(serialize(other), serialize(result)), 'the same plan gives the same bytes').toBe(0)
  return { plan, result, lines: context.lines }
}

/** Of the visible places, in dB. */
async function quality(result: Model): Promise<number> {
  const { feeds } = await samples().dataset.batch(Uint32Array.from({ length: SAMPLES }, (_, i) => i))
  const [a, b] = [await run(network(), feeds), await run(result, feeds)]
  const visible = (data: ArrayLike<number>) => Array.from(data).filter((_, at) => Math.floor(at / 24) % 5 < 3)
  return sqnr(visible(a.y?.data as Float32Array), visible(b.y?.data as Float32Array))
}

describe('weights rounded for what layers are given', () => {
  test('every method brings answers nearer to those of the float model', async () => {
    const plan = await weightInt4.plan(
      { model: network(), seed: 0, threads: 1 },
      weightInt4.options.parse({}),
      testContext(),
    )
    const nearest = await quality(await weightInt4.apply(network(), plan))
    const gains: Record<string, number> = {}
    for (const [name, options] of Object.entries<Partial<Int4Options>>({
      clip: { clip: true },
      awq: { scaling: 'awq' },
      gptq: { rounding: 'gptq' },
      'gptq at once': { rounding: 'gptq', sequential: false },
      'gptq in order': { rounding: 'gptq', actOrder: true },
      'all of it': { rounding: 'gptq', scaling: 'awq', clip: true },
    })) {
      gains[name] = (await quality((await apply(options)).result)) - nearest
    }
    for (const [name, gain] of Object.entries(gains)) expect(gain, name).toBeGreaterThan(0.2)
    expect(gains.gptq).toBeGreaterThan(1)
    expect(gains['all of it']).toBeGreaterThan(gains.clip as number)
  })

  test('in the form of the standard too', async () => {
    const { result } = await apply({ rounding: 'gptq', form: 'dequantize' })
    expect(countOperators(result).DequantizeLinear).toBe(4)
    const { result: nbits } = await apply({ rounding: 'gptq' })
    expect(Math.abs((await quality(result)) - (await quality(nbits)))).toBeLessThan(0.3)
  })

  test('scales go into what comes before, or into a Mul; the same plan gives the same bytes', async () => {
    const { result, lines } = await apply({ scaling: 'awq', rounding: 'gptq', clip: true }, true)
    expect(
      lines.filter(line => line.startsWith('Scaled the inputs of a, b: in what comes before;')),
    ).toHaveLength(1)
    expect(
      lines.filter(line => /^Scaled the inputs of y: (no|by) a Mul/.test(line)).length,
    ).toBeLessThanOrEqual(1)
    const muls = lines.filter(line => line.includes(': by a Mul')).length
    expect(countOperators(result).Mul).toBe(1 + muls)
  })

  test('moments are of visible places, and layers behind others come later', async () => {
    const model = network()
    const decisions = BlockDecisions.parse((await apply({ rounding: 'gptq' })).plan.decisions)
    const { layers } = decisions
    const stages = stagesOf(model, layers).map(stage => stage.map(layer => layer.id))
    expect(stages).toEqual([['a', 'b'], ['c'], ['y']])
    const groups = inputGroups(model, layers)
    expect(groups.map(group => group.layers.map(layer => layer.id))).toEqual([['a', 'b'], ['c'], ['y']])
    const set = samples()
    const { feeds } = await set.dataset.batch(set.indices)
    const shown = makeModel({
      opset: 17,
      inputs: [makeValue('x', 'float32', ['n', 5, C])],
      outputs: [makeValue('h', 'float32', ['n', 5, C])],
      nodes: [makeNode('LayerNormalization', ['x', 'scale', 'shift'], ['h'], { axis: -1n })],
      initializers: ['scale', 'shift'].flatMap(name => model.graph.initializer(name) ?? []),
    })
    const { h } = await run(shown, feeds.x ? { x: feeds.x } : {})
    const rows = h?.data as Float32Array
    const expected = (i: number, j: number) => {
      let sum = 0
      for (let t = 0; t < SAMPLES * 5; t++) {
        if (t % 5 < 3) sum += (rows[t * C + i] as number) * (rows[t * C + j] as number)
      }
      return sum
    }
    let seen = 0
    await eachInput(
      model,
      [groups.slice(0, 1)],
      { samples: set, threads: 1 },
      testContext(),
      async (_, found) => {
        seen++
        for (const [i, j] of [
          [0, 0],
          [3, 60],
          [63, 16],
        ] as const) {
          expect(found.moments[i * C + j]).toBeCloseTo(expected(i, j), 1)
        }
        expect(found.magnitudes).toHaveLength(C)
      },
    )
    expect(seen).toBe(1)
  })

  test('a layer that no sample reaches is rounded to nearest, one that is given NaN is named', async () => {
    const routed = (index: bigint[], factor: number): Model => {
      const model = network()
      const { graph } = model
      // Of every sample some places, or none, go to the layer.
      graph.setInitializer(makeTensor('places', 'int64', [index.length], index))
      graph.setInitializer(makeTensor('factor', 'float32', [], [factor]))
      const four = graph.producer('y')
      if (!four) throw new Error('y')
      graph.add(makeNode('Gather', ['t', 'places'], ['some'], { axis: 1n }), four)
      graph.add(makeNode('Mul', ['some', 'factor'], ['sent']), four)
      graph.setInput(four, 0, 'sent')
      return model
    }
    const applied = async (model: Model, options: Partial<Int4Options>) => {
      const set = samples()
      const input = { model, calibration: set, training: set, seed: 3, threads: 1 }
      const plan = await weightInt4.plan(input, weightInt4.options.parse(options), testContext())
      const context = testContext()
      const about = { training: set, threads: 1, device: 'cpu' as const, context, record: () => {} }
      return weightInt4.apply(model, plan, about)
    }
    const codes = (model: Model) =>
      Buffer.from(model.graph.initializer('w4_int4')?.rawData ?? []).toString('hex')
    const [some, none] = [routed([0n], 1), routed([], 1)]
    const nearest = codes(await applied(none, {}))
    expect(nearest).not.toBe('')
    expect(codes(await applied(none, { rounding: 'gptq' }))).toBe(nearest)
    expect(codes(await applied(some, { rounding: 'gptq' }))).not.toBe(nearest)
    await expect(applied(routed([0n], Number.NaN), { rounding: 'gptq' })).rejects.toMatchObject({
      code: 'bad-data',
      message: 'The value sent is not finite on the samples.',
    })
  })

  test('without data it is refused in the plan', async () => {
    const options = weightInt4.options.parse({ rounding: 'gptq' })
    const planned = weightInt4.plan({ model: network(), seed: 0, threads: 1 }, options, testContext())
    await expect(planned).rejects.toMatchObject({
      code: 'bad-data',
      message: 'gptq, awq and clipping look at samples, and there are none.',
    } satisfies Partial<BantamError>)
  })
})
