import { describe, expect, it } from 'vitest'
import type { Prediction } from '../../../shared/domain'
import { changeSummary, filterOptions, firstFilter } from './change-summary'
import { gridShape, moved, placeOf } from './pages'

function sample(
  index: number,
  from: string,
  to: string,
  outcome: Prediction['outcome'],
  distance = 0.5,
): Prediction {
  const side = (output: string) => ({ output, confidence: 0.6 })
  return { index, label: from, image: null, reference: side(from), variant: side(to), outcome, distance }
}

describe('changeSummary', () => {
  it('counts every change, most frequent first, with what it did and the clearest sample', () => {
    const summary = changeSummary([
      sample(1, '7', '1', 'broken', 0.3),
      sample(2, '1', '7', 'fixed'),
      sample(3, '7', '1', 'broken', 0.9),
      sample(4, '7', '1', 'both-wrong', 0.1),
    ])
    expect(summary).toEqual([
      { from: '7', to: '1', samples: 3, broken: 2, fixed: 0, example: 3 },
      { from: '1', to: '7', samples: 1, broken: 0, fixed: 1, example: 2 },
    ])
  })

  it('leaves out samples with the same answer', () => {
    expect(changeSummary([sample(1, '7', '7', 'both-right')])).toEqual([])
  })

  it('keeps class names apart that would look the same joined', () => {
    expect(changeSummary([sample(1, 'a → b', 'c', null), sample(2, 'a', 'b → c', null)])).toHaveLength(2)
  })
})

describe('filters', () => {
  const counts = { differ: 8, broken: 5, fixed: 0, wrong: 41, all: 3000 }

  it('offers every filter of labelled data and disables what is empty', () => {
    const options = filterOptions(counts, { labelled: true, reference: 'digits' })
    expect(options.map(o => [o.label, o.count, o.enabled])).toEqual([
      ['Differ', 8, true],
      ['Broken', 5, true],
      ['Fixed', 0, false],
      ['Wrong', 41, true],
      ['All', 3000, true],
    ])
    expect(options[1]?.help).toBe('Wrong here, right in digits')
  })

  it('does not offer right and wrong without labels', () => {
    expect(filterOptions(counts, { labelled: false, reference: 'x' }).map(o => o.filter)).toEqual([
      'differ',
      'all',
    ])
  })

  it('stays usable before the counts are known', () => {
    const options = filterOptions(undefined, { labelled: true, reference: 'x' })
    expect(options.every(o => o.enabled && o.count === null)).toBe(true)
  })

  it('opens with the samples that differ, if any', () => {
    expect(firstFilter(counts)).toBe('differ')
    expect(firstFilter({ ...counts, differ: 0 })).toBe('all')
  })
})

describe('grid', () => {
  const shape = gridShape(596, 132, 8, 6)

  it('fits whole columns and asks for pages that end with a row', () => {
    expect(shape).toEqual({ columns: 4, rowsPerPage: 6, limit: 24 })
    expect(gridShape(50, 132, 8, 6).columns).toBe(1)
    expect(gridShape(9000, 132, 8, 6).limit).toBeLessThanOrEqual(200)
  })

  it('finds a sample in its page', () => {
    expect(placeOf(25, 24)).toEqual({ page: 1, at: 1 })
  })

  it.each([
    ['ArrowRight', 0, 1],
    ['ArrowLeft', 0, 0],
    ['ArrowDown', 3, 7],
    ['ArrowUp', 3, 0],
    ['End', 3, 99],
    ['Home', 50, 0],
    ['PageDown', 95, 99],
  ])('%s from %d goes to %d', (key, from, to) => {
    expect(moved(key, from, 100, shape)).toBe(to)
  })

  it('leaves other keys and empty lists alone', () => {
    expect(moved('a', 0, 100, shape)).toBeNull()
    expect(moved('End', 0, 0, shape)).toBeNull()
  })
})
