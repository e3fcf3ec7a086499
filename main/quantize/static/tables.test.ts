import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { dynamicInt8 } from '../dynamic-int8'
import { staticInt8 } from '../static-int8'
import { arrayDataset, countOperators, normals, run, sqnr, testContext } from '../testing'

const WIDTH = 64
const ROWS = 80

/** Rows of a table, picked by numbers, then a dense layer; `tied`: the table is the dense layer's weights too. */
function network(tied: boolean): Model {
  return makeModel({
    opset: 17,
    inputs: [makeValue('ids', 'float32', ['n', 5])],
    outputs: [makeValue('y', 'float32', null)],
    nodes: [
      makeNode('Cast', ['ids'], ['whole'], { to: 7n }),
      makeNode('Gather', ['table', 'whole'], ['rows'], {}, { name: 'embedding' }),
      makeNode('Reshape', ['rows', 'flat'], ['x']),
      tied
        ? makeNode('Gemm', ['x', 'table'], ['y'], { transB: 1n })
        : makeNode('Gemm', ['x', 'w'], ['y'], { transB: 1n }),
    ],
    initializers: [
      makeTensor('table', 'float32', [ROWS, WIDTH], normals(ROWS * WIDTH, 1)),
      makeTensor('w', 'float32', [16, WIDTH], normals(16 * WIDTH, 2, 0.2)),
      makeTensor('flat', 'int64', [2], [-1n, BigInt(WIDTH)]),
    ],
  })
}

/** A table that is added to what a dense layer reads. */
function placed(table: Float32Array): Model {
  return makeModel({
    opset: 17,
    inputs: [makeValue('x', 'float32', ['n', 40, 128])],
    outputs: [makeValue('y', 'float32', null)],
    nodes: [
      makeNode('Add', ['x', 'positions'], ['placed'], {}, { name: 'place' }),
      makeNode('MatMul', ['placed', 'w'], ['y']),
    ],
    initializers: [
      makeTensor('positions', 'float32', [40, 128], table),
      makeTensor('w', 'float32', [128, 16], normals(128 * 16, 2, 0.2)),
    ],
  })
}

const ids = Float32Array.from({ length: 40 }, (_, i) => (i * 37) % ROWS)
const dataset = arrayDataset({ ids: { dims: [8, 5], data: ids } })
const calibration = { dataset, indices: dataset.indices('all') }

async function quantized(model: Model, options: object) {
  const parsed = staticInt8.options.parse({ reduceRange: true, ...options })
  const plan = await staticInt8.plan({ model, calibration, seed: 0, threads: 1 }, parsed, testContext())
  return { plan, result: await staticInt8.apply(model, plan) }
}

describe('an embedding table', () => {
  it('is stored in 8 bits beside the layers, and its rows answer as before', async () => {
    const model = network(false)
    const { plan, result } = await quantized(model, {})
    expect(plan.decisions.tables).toEqual(['rows'])
    expect(result.graph.initializer('table')).toBeUndefined()
    expect(result.graph.producer('rows')?.opType).toBe('DequantizeLinear')
    expect(countOperators(result).Gather).toBe(1)
    const feeds = { ids: { type: 'float32' as const, dims: [8, 5], data: ids } }
    const [a, b] = [await run(model, feeds), await run(result, feeds)]
    expect(sqnr(a.y?.data as Float32Array, b.y?.data as Float32Array)).toBeGreaterThan(30)
    expect(serialize(await staticInt8.apply(network(false), plan))).toEqual(serialize(result))
  })

  it('stays in float by choice, and where something else reads it', async () => {
    const chosen = await quantized(network(false), { embeddings: false })
    expect(chosen.result.graph.initializer('table')).toBeDefined()
    const { plan } = await quantized(network(true), {})
    expect(plan.decisions.tables).toEqual([])
    expect(plan.notes.map(n => n.message)).toContainEqual(
      expect.stringMatching(/^The table of Gather embedding stays in float: Gemm .* reads it too/),
    )
  })
})

describe('a table of positions', () => {
  const x = { dims: [4, 40, 128], data: normals(4 * 40 * 128, 3) }
  const samples = arrayDataset({ x })
  const input = { calibration: { dataset: samples, indices: samples.indices('all') }, seed: 0, threads: 1 }
  const planned = (model: Model) =>
    staticInt8.plan({ model, ...input }, staticInt8.options.parse({ reduceRange: true }), testContext())

  it('is stored in 8 bits, and added as before', async () => {
    const model = placed(normals(40 * 128, 1))
    const plan = await planned(model)
    expect(plan.decisions.added).toEqual(['positions'])
    const result = await staticInt8.apply(model, plan)
    expect(result.graph.initializer('positions')).toBeUndefined()
    expect(result.graph.initializer('positions_q')?.rawData.byteLength).toBe(40 * 128)
    const feeds = { x: { type: 'float32' as const, ...x } }
    const [a, b] = [await run(model, feeds), await run(result, feeds)]
    expect(sqnr(a.y?.data as Float32Array, b.y?.data as Float32Array)).toBeGreaterThan(30)
    const dynamic = await dynamicInt8.plan({ model, ...input }, dynamicInt8.options.parse({}), testContext())
    expect(dynamic.decisions.added).toEqual(['positions'])
    const without = { model, seed: 0, threads: 1 }
    expect(
      await dynamicInt8.plan({ ...without }, dynamicInt8.options.parse({ embeddings: false }), testContext()),
    ).toMatchObject({ decisions: { added: [] } })
  })

  it('stays in float where one scale does not serve all its values', async () => {
    const values = normals(40 * 128, 1)
    values[0] = 1000
    const plan = await planned(placed(values))
    expect(plan.decisions.added).toEqual([])
    expect(plan.notes.map(n => n.message)).toContainEqual(
      expect.stringMatching(/^The table positions stays in float: \d+ % of its values are too small/),
    )
  })
})
