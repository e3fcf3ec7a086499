/**
 * Eigenvalues and -vectors of symmetric matrices: Householder's reduction to three diagonals, then QL with implicit
 * shifts (Golub and Van Loan, "Matrix Computations", sections 8.3.1 and 8.3.3). Of a matrix of 768 rows it takes a second
 * or two; values alone take a third of that.
 */
import { BantamError } from '../../../shared/errors'
import { type Matrix, matrix } from './matrix'

export interface Eigen {
  /** Falling. */
  values: Float64Array
  /** One per row, in the order of the values. */
  vectors: Matrix
}

/** All eigenvalues, falling. */
export function eigenvalues(symmetric: Matrix): Float64Array {
  const { diagonal, beside } = tridiagonal(symmetric)
  implicitQL(diagonal, beside)
  return diagonal.sort().reverse()
}

/** The `count` largest eigenvalues with their vectors, of length 1. */
export function largestEigen(symmetric: Matrix, count: number): Eigen {
  const n = symmetric.rows
  const { diagonal, beside, reflections } = tridiagonal(symmetric)
  const all = matrix(n, n)
  for (let i = 0; i < n; i++) all.data[i * n + i] = 1
  implicitQL(diagonal, beside, all)
  const order = Array.from(diagonal, (_, i) => i).sort(
    (a, b) => (diagonal[b] ?? 0) - (diagonal[a] ?? 0) || a - b,
  )
  const values = new Float64Array(count)
  const vectors = matrix(count, n)
  order.slice(0, count).forEach((from, to) => {
    values[to] = diagonal[from] ?? 0
    const vector = vectors.data.subarray(to * n, (to + 1) * n)
    vector.set(all.data.subarray(from * n, (from + 1) * n))
    for (let k = reflections.length - 1; k >= 0; k--) reflect(vector, reflections[k] as Reflection, k + 1)
  })
  return { values, vectors }
}

/** x − 2·v·vᵀx/vᵀv of the elements from `offset` on. */
interface Reflection {
  v: Float64Array
  /** 2/vᵀv; 0 where nothing is reflected. */
  beta: number
}

function reflect(x: Float64Array, { v, beta }: Reflection, offset: number): void {
  if (beta === 0) return
  let dot = 0
  for (let i = 0; i < v.length; i++) dot += (v[i] as number) * (x[offset + i] as number)
  const factor = beta * dot
  for (let i = 0; i < v.length; i++) x[offset + i] = (x[offset + i] as number) - factor * (v[i] as number)
}

interface Tridiagonal {
  diagonal: Float64Array
  /** Element i stands between i and i + 1; the last is 0. */
  beside: Float64Array
  reflections: Reflection[]
}

/** S = Q·T·Qᵀ with T of three diagonals and Q the product of reflections. Only the lower triangle of S is read. */
function tridiagonal({ rows: n, data }: Matrix): Tridiagonal {
  const a = data.slice()
  const diagonal = new Float64Array(n)
  const beside = new Float64Array(n)
  const reflections: Reflection[] = []
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k] as number
    const size = n - k - 1
    const v = new Float64Array(size)
    let norm = 0
    for (let i = 0; i < size; i++) {
      v[i] = a[(k + 1 + i) * n + k] as number
      norm += (v[i] as number) ** 2
    }
    norm = Math.sqrt(norm)
    const first = v[0] as number
    if (norm === 0 || size === 1) {
      beside[k] = first
      reflections.push({ v, beta: 0 })
      continue
    }
    const alpha = first > 0 ? -norm : norm
    beside[k] = alpha
    v[0] = first - alpha
    // vᵀv = 2·(norm² − first·alpha)
    const beta = 1 / (norm * norm - first * alpha)
    reflections.push({ v, beta })
    reduce(a, n, k + 1, v, beta)
  }
  if (n > 0) diagonal[n - 1] = a[n * n - 1] as number
  return { diagonal, beside, reflections }
}

/** A ← H·A·H of the rows and columns from `start` on: A − v·wᵀ − w·vᵀ with w = p − β/2·(pᵀv)·v, p = β·A·v. */
function reduce(a: Float64Array, n: number, start: number, v: Float64Array, beta: number): void {
  const size = v.length
  const p = new Float64Array(size)
  for (let i = 0; i < size; i++) {
    const at = (start + i) * n + start
    const vi = v[i] as number
    let sum = (a[at + i] as number) * vi
    for (let j = 0; j < i; j++) {
      const element = a[at + j] as number
      sum += element * (v[j] as number)
      p[j] = (p[j] as number) + element * vi
    }
    p[i] = (p[i] as number) + sum
  }
  let dot = 0
  for (let i = 0; i < size; i++) {
    p[i] = (p[i] as number) * beta
    dot += (p[i] as number) * (v[i] as number)
  }
  const half = 0.5 * beta * dot
  for (let i = 0; i < size; i++) p[i] = (p[i] as number) - half * (v[i] as number)
  for (let i = 0; i < size; i++) {
    const at = (start + i) * n + start
    const [vi, wi] = [v[i] as number, p[i] as number]
    for (let j = 0; j <= i; j++)
      a[at + j] = (a[at + j] as number) - vi * (p[j] as number) - wi * (v[j] as number)
  }
}

const EPSILON = 2 ** -52
const MOST_SWEEPS = 60

/** Makes `beside` zero; the diagonal then holds the eigenvalues. Rows of `vectors` are turned along. */
function implicitQL(d: Float64Array, e: Float64Array, vectors?: Matrix): void {
  const n = d.length
  let norm = 0
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(d[i] as number) + Math.abs(e[i] as number))
  const tiny = norm * EPSILON * EPSILON
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l
      for (; m < n - 1; m++) {
        const scale = Math.abs(d[m] as number) + Math.abs(d[m + 1] as number)
        if (Math.abs(e[m] as number) <= EPSILON * scale + tiny) break
      }
      if (m === l) break
      if (sweep === MOST_SWEEPS)
        throw new BantamError('internal', 'The eigenvalues of a matrix did not converge.')
      sweepQL(d, e, l, m, vectors)
    }
  }
}

/** One QL step with Wilkinson's shift on elements l … m, chased from the end as rotations of neighbours. */
function sweepQL(d: Float64Array, e: Float64Array, l: number, m: number, vectors?: Matrix): void {
  const between = ((d[l + 1] as number) - (d[l] as number)) / (2 * (e[l] as number))
  const root = Math.sqrt(between * between + 1)
  let g = (d[m] as number) - (d[l] as number) + (e[l] as number) / (between + (between < 0 ? -root : root))
  let [s, c, p] = [1, 1, 0]
  for (let i = m - 1; i >= l; i--) {
    const f = s * (e[i] as number)
    const b = c * (e[i] as number)
    const r = Math.sqrt(f * f + g * g)
    e[i + 1] = r
    if (r === 0) {
      d[i + 1] = (d[i + 1] as number) - p
      e[m] = 0
      return
    }
    s = f / r
    c = g / r
    g = (d[i + 1] as number) - p
    const t = ((d[i] as number) - g) * s + 2 * c * b
    p = s * t
    d[i + 1] = g + p
    g = c * t - b
    if (vectors) rotate(vectors, i, c, s)
  }
  d[l] = (d[l] as number) - p
  e[l] = g
  e[m] = 0
}

function rotate({ columns: n, data }: Matrix, i: number, c: number, s: number): void {
  const [at, next] = [i * n, (i + 1) * n]
  for (let k = 0; k < n; k++) {
    const x = data[at + k] as number
    const y = data[next + k] as number
    data[next + k] = s * x + c * y
    data[at + k] = c * x - s * y
  }
}
