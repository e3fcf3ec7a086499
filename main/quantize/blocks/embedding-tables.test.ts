import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize } from '../../onnx/write'
import { countOperators, normals, run, sqnr, testContext } from '../testing'
import { weightInt4 } from '../weight-int4'
import type { Int4Options } from './options'

/** Two tables whose rows are added, and a dense layer. */
function network(width: number, tied = false): Model {
  const table = (name: string, rows: number, seed: number) =>
    makeTensor(name, 'float32', [rows, width], normals(rows * width, seed))
  return makeModel({
    opset: 17,
    inputs: [makeValue('ids', 'int64', ['n', 't']), makeValue('places', 'int32', ['n', 't'])],
    outputs: [makeValue('y', 'float32', ['n', 't', tied ? 50 : 20])],
    nodes: [
      makeNode('Gather', ['words', 'ids'], ['a'], {}, { name: 'embed' }),
      makeNode('Gather', ['positions', 'places'], ['b'], { axis: 0n }, { name: 'place' }),
      makeNode('Add', ['a', 'b'], ['s']),
      ...(tied
        ? [makeNode('Reshape', ['s', 'flat'], ['f']), makeNode('Gemm', ['f', 'words'], ['y'], { transB: 1n })]
        : [makeNode('MatMul', ['s', 'w'], ['y'])]),
    ],
    initializers: [
      table('words', 50, 1),
      table('positions', 16, 2),
      ...(tied
        ? [makeTensor('flat', 'int64', [2], [-1n, BigInt(width)])]
        : [makeTensor('w', 'float32', [width, 20], normals(20 * width, 3, 0.1))]),
    ],
  })
}

const feeds = {
  ids: {
    type: 'int64' as const,
    dims: [2, 4],
    data: BigInt64Array.from([0n, 49n, -1n, 7n, 3n, 12n, 31n, 8n]),
  },
  places: { type: 'int32' as const, dims: [2, 4], data: Int32Array.from([0, 1, 2, 3, 15, 5, 6, 7]) },
}

async function apply(model: Model, options: Partial<Int4Options>) {
  const parsed = weightInt4.options.parse({ embeddings: true, least: 64, group: 16, ...options })
  const plan = await weightInt4.plan({ model, seed: 0, threads: 1 }, parsed, testContext())
  const result = await weightInt4.apply(model, plan)
  checkModel(result)
  expect(Buffer.compare(serialize(await weightInt4.apply(model, plan)), serialize(result))).toBe(0)
  return { plan, result }
}

describe('embedding tables', () => {
  test.each<[Partial<Int4Options>, number, number]>([
    [{}, 48, 18],
    [{ symmetric: true }, 48, 17],
    [{ rounding: 'hqq', group: 32 }, 40, 17],
    [{ form: 'dequantize' }, 48, 18],
    [{ form: 'dequantize', symmetric: true, group: 32 }, 40, 17],
  ])('%o are gathered from codes, also with a last block that is short', async (options, width, dB) => {
    const model = network(width)
    const { plan, result } = await apply(model, options)
    const [before, after] = [await run(model, feeds), await run(result, feeds)]
    expect(sqnr(before.y?.data as Float32Array, after.y?.data as Float32Array)).toBeGreaterThan(dB)
    const counts = countOperators(result)
    const nbits = options.form !== 'dequantize'
    expect(counts.GatherBlockQuantized ?? 0).toBe(nbits ? 2 : 0)
    expect(counts.Gather ?? 0).toBe(nbits ? 0 : options.symmetric ? 4 : 6)
    expect([...result.graph.initializers()].some(t => ['words', 'positions'].includes(t.name))).toBe(false)
    expect(plan.notes.map(note => note.message)).toContain(
      `The weights of 1 dense layer and 2 embedding tables are stored in 4 bits, ${weightBits(options)} with scales.`,
    )
  })

  test('a table that the output layer reads too stays, with the reason', async () => {
    const { plan, result } = await apply(network(32, true), {})
    expect(countOperators(result)).toMatchObject({ Gather: 1, GatherBlockQuantized: 1, Gemm: 1 })
    expect(plan.notes.map(note => note.message)).toEqual(
      expect.arrayContaining([
        'The table of Gather embed stays in float: Gemm → y reads it too, and it would be stored twice.',
        'Gemm → y stays in float: Gather embed reads its weights in float, and they would be stored twice.',
      ]),
    )
  })

  test('rows of an odd width stay, with the reason', async () => {
    const { plan } = await apply(network(33), {})
    expect(plan.notes.map(note => note.message)).toContain(
      'The table of Gather embed stays in float: rows of 33 codes of 4 bits do not fill bytes.',
    )
  })
})

function weightBits({ symmetric = false, group = 16 }: Partial<Int4Options>): number {
  return Number((4 + (32 + (symmetric ? 0 : 4)) / group).toFixed(2))
}
