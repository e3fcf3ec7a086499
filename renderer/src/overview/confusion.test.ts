import { describe, expect, it } from 'vitest'
import { confusedPairs, confusionCells, confusionChange } from './confusion'
import { groupNotes } from './group-notes'

const matrix = [
  [90, 4, 0],
  [1, 80, 0],
  [0, 16, 100],
]

describe('confusion matrix', () => {
  it('scales right answers and errors apart, so that a few errors stay visible', () => {
    const cells = confusionCells(matrix)
    expect(cells).toHaveLength(9)
    expect(cells[8]).toMatchObject({ actual: 2, predicted: 2, kind: 'right', strength: 1 })
    expect(cells[7]).toMatchObject({ kind: 'wrong', value: 16, strength: 1 })
    expect(cells[1]?.strength).toBeCloseTo(0.5)
    expect(cells[2]?.strength).toBe(0)
  })

  it('gives the change against a reference of the same classes only', () => {
    const change = confusionChange(matrix, [
      [94, 0, 0],
      [1, 80, 0],
      [0, 16, 100],
    ])
    expect(change?.map(c => c.value)).toEqual([-4, 4, 0, 0, 0, 0, 0, 0, 0])
    expect(confusionChange(matrix, [[1]])).toBeUndefined()
    expect(confusionChange([], [])).toBeUndefined()
  })

  it('lists the most frequent errors first and never right answers', () => {
    expect(confusedPairs(matrix, 2)).toEqual([
      { actual: 2, predicted: 1, count: 16 },
      { actual: 0, predicted: 1, count: 4 },
    ])
  })
})

describe('groupNotes', () => {
  const note = { code: 'float', severity: 'info', message: 'Left in float.' } as const
  it('joins what is said of several nodes and keeps other notes apart', () => {
    expect(
      groupNotes([
        { ...note, node: 'a' },
        { ...note, message: 'Other.' },
        { ...note, node: 'b' },
        { ...note, node: 'a' },
      ]),
    ).toEqual([
      { ...note, node: '2 nodes: a, b' },
      { ...note, message: 'Other.' },
    ])
  })
})
