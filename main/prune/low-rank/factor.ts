/**
 * Singular values of layers, and the two smaller matrices a layer becomes: the best of their rank for the weights (Eckart
 * and Young 1936), or for what the layer gives on samples (SVD-LLM, Wang et al. 2024, arXiv 2403.07378).
 *
 * With the second moment C = XᵀX of the inputs the change D of the matrix changes what the layer gives by
 * ‖X·D‖² = tr(Dᵀ·C·D). Where outputs are fewer than inputs, the best projection is that on the largest eigenvectors V of
 * Wᵀ·C·W, the second moment of the outputs: W·V·Vᵀ. Else with C = L·Lᵀ on those U of Lᵀ·W·Wᵀ·L: L⁻ᵀ·U·Uᵀ·Lᵀ·W.
 */
import type { Model } from '../../onnx/model'
import { tensorValues } from '../../onnx/tensor'
import { toNumbers } from '../../runtime/tensor'
import { eigenvalues, largestEigen } from './eigen'
import type { LowRankLayer } from './layers'
import { cholesky, gram, type Matrix, matrix, solveTransposed, times, trace, transposed } from './matrix'

/** What is known of the samples at a layer: second moment of the inputs, or of the outputs without bias. */
export interface Moment {
  of: 'inputs' | 'outputs'
  matrix: Matrix
}

/** Part of the mean second moment that is taken for certain whatever the samples say. */
const DAMPING = 1e-4

export function needsOutputs({ rows, columns, scheme }: LowRankLayer): boolean {
  return scheme !== 'dense' || columns <= rows
}

/** The matrix [inputs, outputs] that a layer is divided by. */
export function matrixOf(model: Model, layer: LowRankLayer): Matrix {
  const tensor = model.graph.initializer(layer.weight)
  const values = tensor ? toNumbers(tensorValues(tensor, model.directory)) : new Float64Array()
  const data = Float64Array.from(values)
  const { rows, columns, dims, scheme } = layer
  if (scheme === 'dense') {
    return !flipped(layer) ? matrix(rows, columns, data) : transposed(matrix(columns, rows, data))
  }
  if (scheme === 'channel') return transposed(matrix(columns, rows, data))
  // [O, I, h, w] → [(I, h), (O, w)].
  const [out = 1, into = 1, high = 1, wide = 1] = dims
  const result = matrix(rows, columns)
  for (let o = 0, from = 0; o < out; o++)
    for (let i = 0; i < into; i++)
      for (let y = 0; y < high; y++)
        for (let x = 0; x < wide; x++, from++)
          result.data[(i * high + y) * columns + o * wide + x] = data[from] ?? 0
  return result
}

/** Whether the initializer lies as [outputs, inputs]. */
function flipped({ node, transposed: moved }: LowRankLayer): boolean {
  const attribute = node.attribute.find(a => a.name === 'transB')
  return (node.opType === 'Gemm' && Number(attribute?.i ?? 0n) !== 0) !== moved
}

/** A symmetric matrix whose eigenvalues are the squares of the singular values, and what makes factors of its vectors. */
interface Problem {
  symmetric: Matrix
  factors(vectors: Matrix): Factors
}

/** [inputs, rank] and [rank, outputs]. */
export interface Factors {
  first: Matrix
  second: Matrix
}

function problemOf(w: Matrix, moment?: Moment): Problem {
  if (moment?.of === 'inputs') return whitened(w, moment.matrix)
  const onOutputs = moment !== undefined || w.columns <= w.rows
  if (!onOutputs) return { symmetric: gram(w), factors: u => ({ first: transposed(u), second: times(u, w) }) }
  const outputs = gram(transposed(w))
  return {
    symmetric: moment ? damped(moment.matrix, outputs) : outputs,
    factors: v => ({ first: times(w, transposed(v)), second: v }),
  }
}

/** The second moment with a part of that which equal inputs that do not depend on each other would give. */
function damped({ rows, columns, data }: Matrix, even: Matrix): Matrix {
  const total = trace(even)
  const scale = total > 0 ? (DAMPING * trace({ rows, columns, data })) / total : 0
  return matrix(
    rows,
    columns,
    data.map((value, i) => value + scale * (even.data[i] ?? 0)),
  )
}

function whitened(w: Matrix, moment: Matrix): Problem {
  const n = moment.rows
  const mean = trace(moment) / Math.max(1, n)
  let lower: Matrix | null = null
  for (let damping = DAMPING; !lower; damping *= 10) {
    const data = moment.data.slice()
    for (let i = 0; i < n; i++) data[i * n + i] = (data[i * n + i] ?? 0) + damping * (mean || 1)
    lower = cholesky(matrix(n, n, data))
  }
  const l = lower
  const seen = times(transposed(l), w)
  return {
    symmetric: gram(seen),
    factors: u => ({ first: solveTransposed(l, transposed(u)), second: times(u, seen) }),
  }
}

/** Squares of the singular values, falling: of the weights, or of what the layer gives. */
export function singularSquares(w: Matrix, moment?: Moment): Float64Array {
  const full = Math.min(w.rows, w.columns)
  return eigenvalues(problemOf(w, moment).symmetric).slice(0, full)
}

/** The best factors of a rank, each unit of it as large in one as in the other. */
export function factorsOf(w: Matrix, rank: number, moment?: Moment): Factors {
  const problem = problemOf(w, moment)
  return balanced(problem.factors(largestEigen(problem.symmetric, rank).vectors))
}

function balanced({ first, second }: Factors): Factors {
  const rank = second.rows
  for (let r = 0; r < rank; r++) {
    let [a, b] = [0, 0]
    for (let i = r; i < first.data.length; i += rank) a += (first.data[i] ?? 0) ** 2
    const row = second.data.subarray(r * second.columns, (r + 1) * second.columns)
    for (const value of row) b += value * value
    if (a === 0 || b === 0) continue
    const scale = (b / a) ** 0.25
    for (let i = r; i < first.data.length; i += rank) first.data[i] = (first.data[i] ?? 0) * scale
    for (let j = 0; j < row.length; j++) row[j] = (row[j] ?? 0) / scale
  }
  return { first, second }
}
