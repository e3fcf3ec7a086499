import { expect, test } from 'vitest'
import type { Plan } from '../../../shared/domain'
import { toErrorData } from '../../../shared/errors'
import { LiveSearch, QuantizeSearch } from '../../../shared/quantize'
import { checkModel } from '../../onnx/check'
import { serialize } from '../../onnx/write'
import { run, sqnr, testContext } from '../testing'
import { dataset, feeds, network } from '../testing-outlier'
import { mixedPrecision } from './mixed'

const calibration = { dataset, indices: dataset.indices('all') }
const plan = (options: object, context = testContext()) => {
  const parsed = mixedPrecision.options.parse({ samples: 20, judged: 20, reduceRange: true, ...options })
  return mixedPrecision.plan({ model: network(), calibration, seed: 0, threads: 1 }, parsed, context)
}
const searchOf = ({ decisions }: Plan) => QuantizeSearch.parse(decisions.search)

test('finds the layers that break, and its plan gives the same bytes again', async () => {
  const told: LiveSearch[] = []
  const context = { ...testContext(), search: (live: LiveSearch) => told.push(live) }
  const found = await plan({ loseAtMost: 10, repair: false, goal: 'smallest' }, context)
  const search = searchOf(found)
  const best = search.trials[search.best]
  expect(search).toMatchObject({
    metric: 'distance',
    reference: 0,
    allowed: 0.1,
    samples: 20,
    ended: 'finished',
  })
  expect(search.trials[0]).toMatchObject({ float: [], wide: [], allowed: false, milliseconds: null, macs: 1 })
  expect(best?.allowed).toBe(true)
  expect([...(best?.float ?? []), ...(best?.wide ?? [])].sort()).toEqual(['c0', 'c1'])
  expect(best?.milliseconds).toBeGreaterThan(0)
  // It tells of every trial as it is measured.
  expect(told.map(live => live.trials.length)).toEqual([
    ...search.trials.map((_, i) => i),
    search.trials.length,
    search.trials.length,
  ])
  expect(LiveSearch.parse(told[0])).toMatchObject({ best: null, ended: null, allowed: 0.1, goal: 'smallest' })
  expect(told.at(-1)).toMatchObject(search)
  const result = await mixedPrecision.apply(network(), found)
  checkModel(result, '')
  expect(serialize(result).length).toBeLessThanOrEqual(best?.sizeBytes ?? 0)
  const [float, own] = [await run(network(), feeds), await run(result, feeds)]
  expect(sqnr(float.y?.data as Float32Array, own.y?.data as Float32Array)).toBeGreaterThan(19)
  const again = await mixedPrecision.apply(network(), JSON.parse(JSON.stringify(found)) as Plan)
  expect(serialize(again)).toEqual(serialize(result))
  expect(found.notes[0]?.message).toMatch(
    /^It loses [\d.]+ \(95 % interval [\d.]+ to [\d.]+\) per cent of distance from the answers of the original on 20 samples, where 10\.00 may be lost; \d+ % of the multiply-accumulates run in 8 bits; .*first.*\. \d+ models were tried\.$/,
  )
})

test('says when nothing in 8 bits is within what may be lost, and gives the nearest', async () => {
  const found = await plan({ loseAtMost: 0, repair: false })
  const search = searchOf(found)
  const drops = search.trials.map(trial => trial.drop.value)
  expect(drops[search.best]).toBe(Math.min(...drops))
  expect(search.trials.every(trial => !trial.allowed && trial.milliseconds === null)).toBe(true)
  expect(found.notes[0]).toMatchObject({ code: 'search-not-met', severity: 'warning' })
})

test('ends early when asked, with the best so far', async () => {
  const context = { ...testContext(), asked: () => 'finish' as const }
  const found = await plan({ loseAtMost: 10, repair: false }, context)
  expect(searchOf(found)).toMatchObject({ ended: 'time', best: 0, trials: [{ float: [] }] })
  expect(found.notes.map(note => note.code)).toContain('search-time')
})

test('can be cancelled, and needs data', async () => {
  const context = testContext()
  context.progress = () => context.cancel()
  expect(await plan({}, context).catch(toErrorData)).toMatchObject({ code: 'cancelled' })
  const input = { model: network(), seed: 0, threads: 1 }
  const options = mixedPrecision.options.parse({})
  expect(await mixedPrecision.plan(input, options, testContext()).catch(toErrorData)).toMatchObject({
    code: 'bad-data',
    message: 'The search for mixed precision needs calibration data, and none was given.',
  })
})
