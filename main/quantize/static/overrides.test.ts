import { describe, expect, test } from 'vitest'
import type { Plan } from '../../../shared/domain'
import { toErrorData } from '../../../shared/errors'
import { checkModel } from '../../onnx/check'
import type { Model } from '../../onnx/model'
import { serialize } from '../../onnx/write'
import { memoryStore, type StatisticsStore } from '../calibrate/statistics'
import { staticInt8 } from '../static-int8'
import { fusedOperators, run, sqnr, testContext } from '../testing'
import { dataset, feeds, network } from '../testing-outlier'
import { StaticDecisions, StaticOptions } from './options'

async function quantize(model: Model, options: object = {}, statistics?: StatisticsStore) {
  const calibration = { dataset, indices: dataset.indices('all') }
  const input = { model, calibration, seed: 0, threads: 1, statistics }
  const plan = await staticInt8.plan(
    input,
    StaticOptions.parse({ reduceRange: true, ...options }),
    testContext(),
  )
  const result = await staticInt8.apply(model, plan)
  checkModel(result, '')
  return { plan, result, decisions: StaticDecisions.parse(plan.decisions) }
}

async function quality(result: Model): Promise<number> {
  const [reference, values] = [await run(network(), feeds), await run(result, feeds)]
  return sqnr(reference.y?.data as Float32Array, values.y?.data as Float32Array)
}

const wide = (...nodes: string[]) => nodes.map(node => ({ node, activations: 'int16' }))

describe('16-bit activations', () => {
  test('mend what outliers break, at the bytes of 8-bit weights', async () => {
    const broken = await quality((await quantize(network())).result)
    const { result, plan, decisions } = await quantize(network(), { overrides: wide('first', 'second') })
    const excluded = (await quantize(network(), { exclude: ['first', 'second'] })).result
    const mended = await quality(result)
    expect(mended).toBeGreaterThan(broken + 15)
    expect(mended).toBeGreaterThan((await quality(excluded)) - 6)
    expect(serialize(result).length).toBeLessThan(0.7 * serialize(excluded).length)
    expect(decisions.wide.nodes.map(n => n.name)).toEqual(['first', 'second'])
    expect(decisions.wide.values.map(({ name, carried }) => [name, carried])).toEqual([
      ['x', false],
      ['c0', true],
      ['r0', false],
      ['c1', true],
    ])
    expect(decisions.nodes.map(n => n.name)).toEqual(['third', 'pool', 'f', 'head'])
    expect(plan.notes).toContainEqual({
      code: 'wide',
      severity: 'info',
      node: 'first',
      message:
        '2 nodes have 16-bit activations: ONNX Runtime on CPU computes such nodes in float between conversions, a little slower than in float alone; their weights stay in 8 bits.',
    })
  })

  test('are of com.microsoft before operator set 21, of the standard from then on', async () => {
    const domains = async (opset: number) => {
      const { result } = await quantize(network(opset), { overrides: wide('first') })
      const codes = result.graph.nodes.filter(n => n.opType === 'QuantizeLinear' && n.domain !== '')
      return [result.opset('com.microsoft'), codes.length]
    }
    expect(await domains(17)).toEqual([1, 2])
    expect(await domains(21)).toEqual([0, 0])
  })

  test('leave the other nodes their integer kernels', async () => {
    const { result } = await quantize(network(), { overrides: wide('first') })
    const kernels = await fusedOperators(result)
    expect(kernels.QLinearConv).toBe(2)
    expect(kernels.Conv).toBe(1)
  })

  test('say which of several choices holds, and what has no values of its own', async () => {
    const overrides = [...wide('fir*', 'f', 'r*', 'sec*'), { node: 'second', activations: 'int8' }]
    const { decisions, plan } = await quantize(network(), { overrides })
    expect(decisions.wide.nodes.map(n => n.name)).toEqual(['first'])
    const declined = plan.notes.filter(note => note.code === 'wide-declined')
    expect(declined.map(note => note.message)).toEqual([
      'Flatten → f has no 16-bit activations: it has no values of its own to quantize.',
    ])
  })

  test('an override of a node that is not there is refused', async () => {
    const failed = await quantize(network(), { overrides: wide('frist') }).catch(toErrorData)
    expect(failed).toMatchObject({
      code: 'bad-option',
      message: 'No node is called frist.',
      where: 'overrides',
    })
  })
})

describe('calibration per node', () => {
  test('is that of the values a node makes, else of those it reads', async () => {
    const all = (await quantize(network())).decisions
    const cut = (await quantize(network(), { calibration: 'percentile', percentile: 90 })).decisions
    const one = await quantize(network(), {
      percentile: 90,
      overrides: [{ node: 'second', calibration: 'percentile' }],
    })
    const range = ({ values }: StaticDecisions, name: string) => values.find(v => v.name === name)?.max
    expect(range(cut, 'r1')).toBeLessThan(range(all, 'r1') ?? 0)
    expect(range(one.decisions, 'r1')).toBe(range(cut, 'r1'))
    expect(range(one.decisions, 'r0')).toBe(range(cut, 'r0'))
    expect(range(one.decisions, 'x')).toBe(range(all, 'x'))
    expect(range(one.decisions, 'c2')).toBe(range(all, 'c2'))
  })

  test('runs no model when statistics are kept', async () => {
    const statistics = memoryStore()
    const first = await quantize(network(), {}, statistics)
    let put = 0
    const counted: StatisticsStore = {
      get: key => statistics.get(key),
      put: async () => {
        put++
      },
    }
    const overrides = [{ node: 'first', calibration: 'entropy' }]
    const second = await quantize(network(), { overrides }, counted)
    expect(put).toBe(0)
    expect(second.decisions.values).not.toEqual(first.decisions.values)
  })
})

test('plans with choices per node survive JSON, and give the same bytes', async () => {
  const overrides = [...wide('first', 'head'), { node: 'third', calibration: 'percentile' }]
  const { plan, result } = await quantize(network(), { overrides })
  const again = await staticInt8.apply(network(), JSON.parse(JSON.stringify(plan)) as Plan)
  expect(serialize(again)).toEqual(serialize(result))
})
