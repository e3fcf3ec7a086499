import { describe, expect, it } from 'vitest'
import { cnnGraph } from '../fixtures/graphs'
import { searchOf } from '../fixtures/quantize'
import { bestSoFar, defaultAxis, improvements, isFarApart, lossRange, trialPoints } from './search-points'
import { settingsText, trialText } from './trial-words'

const search = searchOf(cnnGraph(1))

describe('a search as a chart', () => {
  it('is drawn by time where all was timed, else by size', () => {
    expect(defaultAxis(search)).toBe('milliseconds')
    expect(trialPoints(search, 'milliseconds')).toHaveLength(search.trials.length)
    const [one, ...others] = search.trials
    if (!one) throw new Error('The fixture has trials')
    const untimed = { ...search, trials: [{ ...one, milliseconds: null }, ...others] }
    expect(defaultAxis(untimed)).toBe('sizeBytes')
    expect(trialPoints(untimed, 'milliseconds').map(p => p.trial)).toEqual(others.map((_, i) => i + 1))
    expect(trialPoints(search, 'macs').filter(p => p.best)).toHaveLength(1)
  })

  it('has every trial in its order, and the best so far as steps', () => {
    expect(trialPoints(search, 'order').map(p => p.x)).toEqual(search.trials.map((_, i) => i + 1))
    expect(bestSoFar(search)).toEqual([])
    const losses = search.trials.map(t => t.drop.value)
    const line = bestSoFar({ trials: search.trials.slice(0, 3), improved: [0, 2] })
    expect(line).toEqual([
      { x: 1, loss: losses[0] },
      { x: 2, loss: losses[0] },
      { x: 3, loss: losses[0] },
      { x: 3, loss: losses[2] },
    ])
    expect(improvements({ ...search, improved: [0, 2] }).map(i => i.place)).toEqual([2, 0])
  })

  it('can leave out what loses far more than is allowed', () => {
    const points = trialPoints(search, 'order')
    expect(isFarApart(search, points)).toBe(true)
    const [, all] = lossRange(search, points, false)
    const [low, near] = lossRange(search, points, true)
    expect(all).toBeGreaterThan(Math.max(...points.map(p => p.loss)))
    expect(near).toBeLessThan(all)
    expect(near).toBeGreaterThan(search.allowed)
    expect(low).toBeLessThan(0)
    expect(lossRange(search, [], true)[1]).toBeGreaterThan(search.allowed)
  })

  it('says what a trial is', () => {
    expect(trialText({ float: [], wide: [] })).toBe('everything in 8 bits')
    expect(trialText({ float: ['a'], wide: ['b', 'c'], settings: { equalize: true } })).toBe(
      '1 layer in float and 2 in 16 bits, equalized',
    )
    expect(settingsText({ settings: { calibration: 'mse', weightRange: 'mse' } })).toBe(
      'calibrated by least error, weights cut at the least error',
    )
  })
})
