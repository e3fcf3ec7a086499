import { expect, test } from 'vitest'
import type { Layer } from './layers'
import { type Assignment, type Found, keyOf, type Laboratory, searchMixed } from './search'

/** Layers named by letters: what each loses in 8 bits, and what it costs more in float. */
interface Spec {
  id: string
  loses: number
  costs: number
}

const set = (...ids: string[]) => new Set(ids)

/** Losses add up; a loss of layers in 16 bits is a tenth. `changes` says what settings do to all losses. */
function laboratory(specs: Spec[], given: Partial<Laboratory> & { allowed: number; changes?: number }) {
  const tried: Assignment[] = []
  const layers: Layer[] = specs.map(({ id, costs }) => ({
    id,
    label: id,
    weighted: true,
    bytes: costs,
    milliseconds: costs,
  }))
  const whole = specs.reduce((sum, s) => sum + Math.max(0, s.costs), 0)
  const lab: Laboratory = {
    layers,
    repairs: [],
    goal: 'fastest',
    async measure(assignment): Promise<Found> {
      tried.push(assignment)
      const { float, wide, settings } = assignment
      const factor = settings.equalize ? (given.changes ?? 1) : 1
      let [drop, extra] = [0, 0]
      for (const { id, loses, costs } of specs) {
        if (!float.has(id)) drop += factor * loses * (wide.has(id) ? 0.1 : 1)
        if (float.has(id)) extra += costs
      }
      const ratio = (10 + extra) / (10 + whole)
      const latency = { ratio, low: ratio - 1e-3, high: ratio + 1e-3 }
      return { drop, allowed: drop <= given.allowed + 1e-9, noise: drop, bytes: 100 + extra, latency }
    },
    noises: async () => new Map(specs.map(({ id, loses }) => [id, loses])),
    over: () => false,
    ...given,
  }
  return { lab, tried }
}

test('what loses little enough in 8 bits stays there', async () => {
  const { lab, tried } = laboratory([{ id: 'a', loses: 1, costs: 2 }], { allowed: 1 })
  const { best, ended } = await searchMixed(lab)
  expect([best.assignment.float.size, ended, tried.length]).toEqual([0, 'finished', 1])
})

test('a repair that is enough leaves all layers in 8 bits; one that makes it worse is not kept', async () => {
  const specs = [
    { id: 'a', loses: 5, costs: 1 },
    { id: 'b', loses: 3, costs: 1 },
  ]
  const repairs = [{ reduceRange: true }, { equalize: true }]
  const good = await searchMixed(laboratory(specs, { allowed: 1, changes: 0.1, repairs }).lab)
  expect(good.best).toMatchObject({ assignment: { settings: { equalize: true } }, allowed: true })
  expect(good.best.assignment.float.size).toBe(0)
  const bad = await searchMixed(laboratory(specs, { allowed: 3, changes: 2, repairs }).lab)
  expect(bad.best).toMatchObject({ assignment: { settings: {}, float: set('a') }, allowed: true })
})

test('the layers that lose most for what they save go to float, and exchanges find the cheaper ones', async () => {
  // By loss for cost d comes first, then b: enough. So are a and d, which cost less; c and d are not.
  const specs = [
    { id: 'a', loses: 6, costs: 2 },
    { id: 'b', loses: 8, costs: 2.5 },
    { id: 'c', loses: 5, costs: 2 },
    { id: 'd', loses: 7.5, costs: 1.9 },
    { id: 'e', loses: 0.1, costs: 9 },
  ]
  const { best } = await searchMixed(laboratory(specs, { allowed: 14 }).lab)
  expect(best.allowed).toBe(true)
  expect([...best.assignment.float].sort()).toEqual(['a', 'd'])
})

test('what was moved for nothing is put back', async () => {
  // a and b only help together with c, which is found last: then the first two are not needed.
  const specs = [
    { id: 'a', loses: 2, costs: 1 },
    { id: 'b', loses: 2, costs: 1 },
    { id: 'c', loses: 9, costs: 9 },
    { id: 'd', loses: 0, costs: 1 },
  ]
  const { best } = await searchMixed(laboratory(specs, { allowed: 5 }).lab)
  expect([...best.assignment.float]).toEqual(['c'])
})

test('the smallest model has activations in 16 bits where that is enough', async () => {
  const specs = [
    { id: 'a', loses: 9, costs: 50 },
    { id: 'b', loses: 0.1, costs: 1 },
  ]
  const { best } = await searchMixed(laboratory(specs, { allowed: 1, goal: 'smallest' }).lab)
  expect(best.assignment).toMatchObject({ float: set(), wide: set('a') })
})

test('what is slower in 8 bits goes to float only where the whole model is measured to be faster', async () => {
  const specs = [
    { id: 'a', loses: 0, costs: -3 },
    { id: 'b', loses: 0, costs: 5 },
  ]
  const { lab } = laboratory(specs, { allowed: 1 })
  expect([...(await searchMixed(lab)).best.assignment.float]).toEqual(['a'])
  const unclear: Laboratory = {
    ...lab,
    measure: async assignment => ({
      ...(await lab.measure(assignment)),
      latency: { ratio: 0.5, low: 0.4, high: 0.6 },
    }),
  }
  expect((await searchMixed(unclear)).best.assignment.float.size).toBe(0)
})

test('where nothing is enough, the nearest is given', async () => {
  const specs = ['a', 'b', 'c'].map((id, i) => ({ id, loses: 5 + i, costs: 1 }))
  const { best } = await searchMixed(laboratory(specs, { allowed: 1 }).lab)
  expect(best).toMatchObject({ allowed: false, drop: 5 })
  expect([...best.assignment.float].sort()).toEqual(['b', 'c'])
})

test('when time is over, the best so far is given', async () => {
  const specs = ['a', 'b', 'c', 'd'].map((id, i) => ({ id, loses: 4 + i, costs: 1 }))
  const { lab, tried } = laboratory(specs, { allowed: 9 })
  lab.over = () => tried.length >= 3
  const { best, ended } = await searchMixed(lab)
  expect([tried.length, ended, best.allowed, best.drop]).toEqual([3, 'time', true, 9])
})

test('no assignment is tried twice', async () => {
  const specs = ['a', 'b', 'c', 'd', 'e'].map((id, i) => ({ id, loses: 2 + i, costs: 3 - i / 2 }))
  const { lab, tried } = laboratory(specs, { allowed: 9 })
  await searchMixed(lab)
  expect(new Set(tried.map(keyOf)).size).toBe(tried.length)
})
