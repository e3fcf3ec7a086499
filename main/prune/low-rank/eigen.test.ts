import { describe, expect, test } from 'vitest'
import { normals } from '../../quantize/testing'
import { eigenvalues, largestEigen } from './eigen'
import { cholesky, gram, type Matrix, matrix, solveTransposed, times, transposed } from './matrix'

const random = (rows: number, columns: number, seed = 1) =>
  matrix(rows, columns, Float64Array.from(normals(rows * columns, seed)))
const largest = (a: Matrix, b: Matrix) =>
  a.data.reduce((worst, v, i) => Math.max(worst, Math.abs(v - (b.data[i] ?? 0))), 0)

describe('symmetric matrices', () => {
  test('values and vectors of a random one', () => {
    const s = gram(random(37, 50))
    expect(largest(s, times(random(37, 50), transposed(random(37, 50))))).toBeLessThan(1e-12)
    const { values, vectors } = largestEigen(s, 37)
    const product = times(s, transposed(vectors))
    const scaled = transposed(
      matrix(
        37,
        37,
        vectors.data.map((v, i) => v * (values[Math.floor(i / 37)] ?? 0)),
      ),
    )
    expect(largest(product, scaled)).toBeLessThan(1e-10)
    const unit = gram(vectors)
    expect(Math.max(...unit.data.map((v, i) => Math.abs(v - (i % 38 === 0 ? 1 : 0))))).toBeLessThan(1e-12)
    expect(largest(matrix(1, 37, eigenvalues(s)), matrix(1, 37, values))).toBeLessThan(1e-10)
  })

  test('zeros, one row, equal values, and of low rank', () => {
    expect([...eigenvalues(matrix(3, 3))]).toEqual([0, 0, 0])
    expect([...eigenvalues(matrix(1, 1, Float64Array.of(5)))]).toEqual([5])
    const same = matrix(3, 3, Float64Array.of(2, 0, 0, 0, 2, 0, 0, 0, 2))
    expect([...largestEigen(same, 2).values]).toEqual([2, 2])
    const low = eigenvalues(gram(times(random(30, 3), random(3, 40, 2))))
    expect(low[2]).toBeGreaterThan(1)
    expect(Math.abs(low[3] ?? 1)).toBeLessThan(1e-10)
  })

  test('Cholesky, and what its transpose solves', () => {
    const s = gram(random(9, 20))
    const l = cholesky(s) as Matrix
    expect(largest(s, times(l, transposed(l)))).toBeLessThan(1e-12)
    const x = random(9, 4, 5)
    expect(largest(x, solveTransposed(l, times(transposed(l), x)))).toBeLessThan(1e-12)
    expect(cholesky(matrix(2, 2, Float64Array.of(1, 2, 2, 1)))).toBeNull()
  })
})
