import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../shared/domain'
import { hardware } from '../../measure/hardware'
import { inspectModel } from '../../measure/inspect'
import { intAttribute, makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { serialize, writeModel } from '../../onnx/write'
import { countOperators, normals, run, sqnr, testContext } from '../testing'
import { type WeightOptions, weightInt8 } from '../weight-int8'

/** A table of 90 rows of 100, and a layer with bias and alpha. */
function network(): Model {
  return makeModel({
    opset: 17,
    inputs: [makeValue('ids', 'int64', ['n'])],
    outputs: [makeValue('y', 'float32', ['n', 60])],
    nodes: [
      makeNode('Gather', ['words', 'ids'], ['a'], {}, { name: 'embed' }),
      makeNode('Gemm', ['a', 'w', 'b'], ['y'], { transB: 1n, alpha: 0.5 }, { name: 'dense' }),
    ],
    initializers: [
      makeTensor('words', 'float32', [90, 100], normals(9000, 1)),
      makeTensor('w', 'float32', [60, 100], normals(6000, 2, 0.1)),
      makeTensor('b', 'float32', [60], normals(60, 3)),
    ],
  })
}

const feeds = { ids: { type: 'int64' as const, dims: [5], data: BigInt64Array.from([0n, 89n, 7n, 33n, 4n]) } }

async function apply(options: Partial<WeightOptions>): Promise<{ plan: Plan; result: Model }> {
  const model = network()
  const parsed = weightInt8.options.parse(options)
  const plan = await weightInt8.plan({ model, seed: 0, threads: 1 }, parsed, testContext())
  const result = await weightInt8.apply(model, JSON.parse(JSON.stringify(plan)) as Plan)
  checkModel(result)
  expect(Buffer.compare(serialize(await weightInt8.apply(model, plan)), serialize(result))).toBe(0)
  return { plan, result }
}

describe('8 bits in blocks', () => {
  test.each<[Partial<WeightOptions>, Record<string, number>]>([
    [{ form: 'nbits' }, { MatMulNBits: 1, Add: 1, GatherBlockQuantized: 1 }],
    [
      { form: 'nbits', symmetric: true, group: 32 },
      { MatMulNBits: 1, Add: 1, GatherBlockQuantized: 1 },
    ],
    [
      { form: 'nbits', embeddings: false },
      { MatMulNBits: 1, Add: 1, Gather: 1 },
    ],
    [
      { form: 'dequantize', group: 16 },
      { Gemm: 1, DequantizeLinear: 2, Gather: 3 },
    ],
    [
      { form: 'dequantize', symmetric: true },
      { Gemm: 1, DequantizeLinear: 2, Gather: 2 },
    ],
  ])('%o hardly changes the answers', async (options, operators) => {
    const { result } = await apply(options)
    const [before, after] = [await run(network(), feeds), await run(result, feeds)]
    expect(sqnr(before.y?.data as Float32Array, after.y?.data as Float32Array)).toBeGreaterThan(39)
    expect(countOperators(result)).toEqual(operators)
    for (const node of result.graph.nodes) {
      if (/NBits|BlockQuantized/.test(node.opType)) expect(intAttribute(node, 'bits', 0)).toBe(8)
    }
  })

  test('blocks are much more exact than 4 bits, and int8 arithmetic runs', async () => {
    const { result, plan } = await apply({ form: 'nbits', arithmetic: 'int8' })
    const [before, after] = [await run(network(), feeds), await run(result, feeds)]
    expect(sqnr(before.y?.data as Float32Array, after.y?.data as Float32Array)).toBeGreaterThan(30)
    expect(plan.notes.map(note => note.message)).toContain(
      'The weights of 1 dense layer and 1 embedding table are stored in 8 bits, 8.31 with scales.',
    )
  })

  test('advice expects the size', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bantam-int8-')), 'net.onnx')
    await writeModel(network(), path)
    const about = { model: await inspectModel(path), hardware: await hardware() }
    const size = serialize((await apply({ form: 'dequantize', group: 32 })).result).length
    const advice = weightInt8.advise(about, weightInt8.options.parse({ form: 'dequantize', group: 32 }))
    expect(Math.abs((advice.sizeBytes ?? 0) / size - 1)).toBeLessThan(0.1)
  })
})
