import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import { StaticOptions } from '../static/options'
import { staticInt8 } from '../static-int8'
import { arrayDataset, normals, run, sqnr, testContext } from '../testing'
import { partialSensitivity } from './kept'
import { measureQuantization } from './measure'

/** Two convolutions with an addition around the second, and a dense layer; one channel of the first is wide, and made up for. */
const WIDE = 200
const wide = normals(4 * 27, 1, 0.3).map((v, i) => (i < 27 ? WIDE * v : v))
const back = normals(144, 3, 0.2).map((v, i) => (i % 36 < 9 ? v / WIDE : v))
const out = normals(20, 4).map((v, i) => (i < 5 ? v / WIDE : v))
const model = makeModel({
  inputs: [makeValue('x', 'float32', ['n', 3, 6, 6])],
  outputs: [makeValue('y', 'float32', ['n', 5])],
  nodes: [
    makeNode('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1n, 1n, 1n, 1n] }, { name: 'first' }),
    makeNode('Relu', ['c1'], ['r1']),
    makeNode('Conv', ['r1', 'w2'], ['c2'], { pads: [1n, 1n, 1n, 1n] }, { name: 'second' }),
    makeNode('Add', ['c2', 'r1'], ['a'], {}, { name: 'sum' }),
    makeNode('GlobalAveragePool', ['a'], ['p']),
    makeNode('Flatten', ['p'], ['f']),
    makeNode('Gemm', ['f', 'w3', 'b3'], ['y'], {}, { name: 'dense' }),
  ],
  initializers: [
    makeTensor('w1', 'float32', [4, 3, 3, 3], wide),
    makeTensor('b1', 'float32', [4], normals(4, 2)),
    makeTensor('w2', 'float32', [4, 4, 3, 3], back),
    makeTensor('w3', 'float32', [4, 5], out),
    makeTensor('b3', 'float32', [5], normals(5, 5)),
  ],
})
const dataset = arrayDataset({ x: { dims: [40, 3, 6, 6], data: normals(40 * 108, 6) } })
const all = dataset.indices('all')
const request = {
  model,
  options: StaticOptions.parse({ perChannel: false, reduceRange: true }),
  calibration: { dataset, indices: all },
  samples: { dataset, indices: all },
  threads: 1,
}
const LAYER = /^Measuring \S+ \(layer/
const inKept = (folder = mkdtempSync(join(tmpdir(), 'bantam-kept-'))) => ({
  ...testContext(),
  keepDir: folder,
})

describe('sensitivity to quantization', () => {
  test('is measured of every layer alone, in the order of the graph', async () => {
    const found = await measureQuantization(request, testContext())
    expect(found.layers.map(({ id, op }) => [id, op])).toEqual([
      ['c1', 'Conv'],
      ['c2', 'Conv'],
      ['a', 'Add'],
      ['p', 'GlobalAveragePool'],
      ['y', 'Gemm'],
    ])
    expect(found).toMatchObject({ metric: 'distance', reference: 0, samples: 40, calibrated: 40 })
    const [first, second, sum, , dense] = found.layers
    // One scale for all channels leaves those that are not wide next to nothing.
    expect(first?.weights?.drop.low).toBeGreaterThan(second?.weights?.drop.high ?? 1)
    expect(first?.tensors.map(t => [t.name, t.role])).toEqual([
      ['x', 'input'],
      ['w1', 'weight'],
      ['r1', 'output'],
    ])
    expect(first?.tensors[1]?.imbalance).toBeGreaterThan(100)
    expect(second?.tensors[1]?.imbalance).toBeLessThan(3)
    expect(sum).toMatchObject({ weights: null, activations: sum?.whole, parameters: 0 })
    expect(dense?.tensors.map(t => t.role)).toEqual(['input', 'weight'])
    expect(found.layers.reduce((total, l) => total + l.macs, 0)).toBeCloseTo(1, 5)
    const sqnr = found.layers.map(l => l.whole.sqnr ?? 999)
    expect(found.quantized.sqnr).toBeLessThan(Math.min(...sqnr) + 1)
    // The addition runs inside the convolution before it.
    expect([first, second, dense].every(l => (l?.milliseconds ?? 0) > 0)).toBe(true)
  })

  test('is what static int8 with all other layers excluded loses', async () => {
    const { layers } = await measureQuantization({ ...request, layers: ['second'] }, testContext())
    expect(layers.map(l => l.id)).toEqual(['c2'])
    const options = { ...request.options, exclude: ['first', 'sum', 'p', 'f', 'dense'] }
    const input = { model, calibration: request.calibration, seed: 0, threads: 1 }
    const alone = await staticInt8.apply(model, await staticInt8.plan(input, options, testContext()))
    const { feeds } = await dataset.batch(all)
    const [float, changed] = [await run(model, feeds), await run(alone, feeds)]
    expect(layers[0]?.whole.sqnr).toBeCloseTo(
      sqnr(float.y?.data as Float32Array, changed.y?.data as Float32Array),
      3,
    )
  })

  test('leaves out a layer that the compared output does not depend on', async () => {
    const two = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: [makeValue('y', 'float32', ['n', 5]), makeValue('z', 'float32', ['n', 3])],
      nodes: [
        makeNode('Gemm', ['x', 'w0'], ['h'], {}, { name: 'shared' }),
        makeNode('Gemm', ['h', 'w2'], ['z'], {}, { name: 'other' }),
        makeNode('Gemm', ['h', 'w1'], ['y'], {}, { name: 'head' }),
      ],
      initializers: [
        makeTensor('w0', 'float32', [4, 4], normals(16, 1)),
        makeTensor('w1', 'float32', [4, 5], normals(20, 2)),
        makeTensor('w2', 'float32', [4, 3], normals(12, 3)),
      ],
    })
    const rows = arrayDataset({ x: { dims: [20, 4], data: normals(80, 4) } })
    const set = { dataset: rows, indices: rows.indices('all') }
    const found = await measureQuantization(
      { ...request, model: two, calibration: set, samples: set },
      testContext(),
    )
    expect(found.layers.map(l => l.id)).toEqual(['h', 'y'])
    expect(found.declined).toEqual([
      { id: 'z', node: 'Gemm other', reason: 'The output that is compared, y, does not depend on it.' },
    ])
  })

  test('names a layer that is not quantized', async () => {
    await expect(measureQuantization({ ...request, layers: ['r1'] }, testContext())).rejects.toMatchObject({
      code: 'bad-option',
      message: 'The node is not quantized.',
    })
  })

  test('goes on where it was interrupted, and measures the same', async () => {
    const whole = await measureQuantization(request, testContext())
    const context = inKept()
    const identity = 'model and data'
    let told = 0
    const killed = measureQuantization(
      { ...request, identity },
      {
        ...context,
        progress: (_, stage) => {
          if (LAYER.test(stage) && ++told === 4) context.cancel()
        },
      },
    )
    await expect(killed).rejects.toMatchObject({ code: 'cancelled' })
    const partial = partialSensitivity(context.keepDir)
    expect(partial?.layers.map(l => l.id)).toEqual(['c1', 'c2', 'a'])
    const stages: string[] = []
    const rest = await measureQuantization(
      { ...request, identity },
      { ...inKept(context.keepDir), progress: (_, stage) => stages.push(stage) },
    )
    expect(stages.filter(s => LAYER.test(s)).map(s => s.split(' ')[1])).toEqual(['p', 'y'])
    const plain = ({ layers }: typeof whole) => layers.map(l => ({ ...l, milliseconds: 0 }))
    expect(plain(rest)).toEqual(plain(whole))
    await measureQuantization({ ...request, identity: 'other' }, inKept(context.keepDir))
    expect(partialSensitivity(context.keepDir)?.layers.length).toBe(5)
  })
})
