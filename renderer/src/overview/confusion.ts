/** A confusion matrix for the eye: cells with their strength, and the pairs most often taken for one another. */
import type { Evaluation } from '../../../shared/domain'

export interface Cell {
  actual: number
  predicted: number
  /** Samples, or the change in samples against the reference. */
  value: number
  /** 0…1: how strongly the cell is coloured. Right answers and errors have scales of their own. */
  strength: number
  /** right: on the diagonal; wrong: off it. */
  kind: 'right' | 'wrong'
}

/** Above this many classes cells could not be told apart: the pairs are listed instead. */
export const MATRIX_CLASSES = 24

type Matrix = Evaluation['confusion']

/** Cells row by row. Square root of the share, so that a single error stays visible beside a thousand. */
export function confusionCells(confusion: Matrix): Cell[] {
  const most = { right: 1, wrong: 1 }
  each(confusion, (a, p, value) => {
    const kind = a === p ? 'right' : 'wrong'
    most[kind] = Math.max(most[kind], value)
  })
  const cells: Cell[] = []
  each(confusion, (actual, predicted, value) => {
    const kind = actual === predicted ? 'right' : 'wrong'
    cells.push({ actual, predicted, value, strength: Math.sqrt(value / most[kind]), kind })
  })
  return cells
}

/** Change of every cell against the reference; undefined where the two do not have the same classes. */
export function confusionChange(confusion: Matrix, reference: Matrix): Cell[] | undefined {
  if (confusion.length !== reference.length || confusion.length === 0) return undefined
  const change = confusion.map((row, a) => row.map((value, p) => value - (reference[a]?.[p] ?? 0)))
  let most = 1
  each(change, (_a, _p, value) => {
    most = Math.max(most, Math.abs(value))
  })
  const cells: Cell[] = []
  each(change, (actual, predicted, value) => {
    const kind = actual === predicted ? 'right' : 'wrong'
    cells.push({ actual, predicted, value, strength: Math.sqrt(Math.abs(value) / most), kind })
  })
  return cells
}

export interface ConfusedPair {
  actual: number
  predicted: number
  count: number
}

/** The most frequent errors, most frequent first. */
export function confusedPairs(confusion: Matrix, limit: number): ConfusedPair[] {
  const pairs: ConfusedPair[] = []
  each(confusion, (actual, predicted, count) => {
    if (actual !== predicted && count > 0) pairs.push({ actual, predicted, count })
  })
  return pairs
    .sort((a, b) => b.count - a.count || a.actual - b.actual || a.predicted - b.predicted)
    .slice(0, limit)
}

function each(matrix: Matrix, visit: (actual: number, predicted: number, value: number) => void): void {
  matrix.forEach((row, actual) => {
    row.forEach((value, predicted) => {
      visit(actual, predicted, value)
    })
  })
}
