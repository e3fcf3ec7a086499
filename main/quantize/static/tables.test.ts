import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
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
