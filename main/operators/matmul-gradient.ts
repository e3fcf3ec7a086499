/** Gradients of matrix products. Y = A·B: Ā = Ȳ·Bᵀ, B̄ = Aᵀ·Ȳ; batch axes that were broadcast are summed by the driver. */
import { floatAttribute, intAttribute } from '../onnx/build'
import type { Builder, Value } from './builder'
import { bilinear, type Site, type Vjp } from './gradient'

/** Rows of a [..., R, K] value as one matrix [rows, K]. */
function flatRows(m: Builder, x: Value): Value {
  const last = x.shape.length - 1
  const width = x.shape[last]
  if (x.shape.length === 2) return x
  return m.emit(
    'Reshape',
    [x, m.concat([m.ints([-1]), m.dimOf(x, last)], 0, [2])],
    ['', typeof width === 'number' ? width : (width ?? '')],
  )
}

function gemm(m: Builder, a: Value, b: Value, transA: boolean, transB: boolean, alpha = 1): Value {
  const rows = a.shape[transA ? 1 : 0] ?? ''
  const columns = b.shape[transB ? 0 : 1] ?? ''
  return m.emit('Gemm', [a, b], [rows, columns], {
    attributes: { alpha, transA: transA ? 1n : 0n, transB: transB ? 1n : 0n },
  })
}

/** Columns of a product that ONNX Runtime's kernel for processors (MLAS) computes at a time. */
const COLUMNS = 128

/** What Aᵀ·B costs beside its multiplications, per row of B: A is turned around for every COLUMNS, B is put in order. */
function turningCost(a: number, b: number): number {
  return a * Math.ceil(b / COLUMNS) + b / 2
}

/** Whether Aᵀ·B [.., a, b] is faster as the transpose of Bᵀ·A: by up to a third (bench/RESULTS.md). */
function turnsBetter(a: Value, b: Value): boolean {
  const [rows, columns] = [a.shape.at(-1), b.shape.at(-1)]
  if (typeof rows !== 'number' || typeof columns !== 'number') return false
  return turningCost(columns, rows) < turningCost(rows, columns)
}

/** Aᵀ·B of two matrices. */
function turnedGemm(m: Builder, a: Value, b: Value, alpha = 1): Value {
  if (m.gpu || !turnsBetter(a, b)) return gemm(m, a, b, true, false, alpha)
  return m.transposed(gemm(m, b, a, true, false, alpha))
}

/** Aᵀ·B of the last two axes. */
function turnedProduct(m: Builder, a: Value, b: Value): Value {
  if (m.gpu || !turnsBetter(a, b)) return m.matmul(m.transposed(a), b)
  return m.transposed(m.matmul(m.transposed(b), a))
}

/**
 * Σⱼ āᵢⱼ·aᵢⱼ = Σₖ ȳᵢₖ·yᵢₖ, fewer products where y is narrower than a: for a softmax a, as in attention (Dao et al. 2022,
 * "FlashAttention", appendix B.2).
 */
function offerRowProduct({ m, output }: Site, result: Value, a: Value, g: Value): void {
  const [width, inner] = [g.shape.at(-1), a.shape.at(-1)]
  const narrower = typeof width === 'number' && (typeof inner === 'string' || width < Number(inner))
  if (narrower) m.offerRowProduct(result, a, () => m.sum(m.mul(g, output()), [g.shape.length - 1]))
}

/** MatMul with NumPy's rules: a vector on the left is a row, on the right a column. */
export const matmul: Vjp = s => {
  const { m } = s
  const [a0, b0] = [s.input(0), s.input(1)]
  const row = a0.shape.length === 1
  const column = b0.shape.length === 1
  const a = row ? m.reshape(a0, [1, { of: a0, axis: 0 }]) : a0
  const b = column ? m.reshape(b0, [{ of: b0, axis: 0 }, 1]) : b0
  let g = s.grad()
  if (column) g = m.emit('Unsqueeze', [g, m.ints([-1])], [...g.shape, 1])
  if (row) g = m.emit('Unsqueeze', [g, m.ints([-2])], [...g.shape.slice(0, -1), 1, g.shape.at(-1) ?? ''])
  const left = () => {
    const result = m.matmul(g, m.transposed(b))
    if (!row && !column) offerRowProduct(s, result, a, g)
    return result
  }
  // A shared matrix on the right: one product over all rows instead of one per batch and a sum.
  const right = () =>
    b.shape.length === 2 ? turnedGemm(m, flatRows(m, a), flatRows(m, g)) : turnedProduct(m, a, g)
  // A vector is summed over the batch as a matrix first, then takes its own shape.
  const back = (x: Value, v: Value, was: Value) => (v === was ? x : m.reshapeLike(m.unbroadcast(x, v), was))
  return [s.needs(0) ? back(left(), a, a0) : undefined, s.needs(1) ? back(right(), b, b0) : undefined]
}

/** Y = α·A′·B′ + β·C, A′ and B′ possibly transposed: Ā′ = α·Ȳ·B′ᵀ, B̄′ = α·A′ᵀ·Ȳ, C̄ = β·Ȳ */
export const gemmRule: Vjp = s => {
  const { m } = s
  const flag = (name: string) => intAttribute(s.node, name, 0) !== 0
  const [transA, transB] = [flag('transA'), flag('transB')]
  const alpha = floatAttribute(s.node, 'alpha', 1)
  const product = bilinear(
    ({ input }, g) =>
      transA ? gemm(m, input(1), g, transB, true, alpha) : gemm(m, g, input(1), false, !transB, alpha),
    ({ input }, g) => {
      if (!transA) return transB ? turnedGemm(m, g, input(0), alpha) : turnedGemm(m, input(0), g, alpha)
      return transB ? gemm(m, g, input(0), true, true, alpha) : gemm(m, input(0), g, false, false, alpha)
    },
  )(s)
  return [...product, s.needs(2) ? m.mul(s.grad(), floatAttribute(s.node, 'beta', 1)) : undefined]
}

/** Sum over all axes but `axis`. */
export function sumExcept(s: Site, x: Value, axis: number): Value {
  // The last axes first, then the batch: the faster order (bench/RESULTS.md).
  const rank = x.shape.length
  const inner = [...Array(rank).keys()].filter(a => a > axis)
  const outer = [...Array(axis).keys()]
  return s.m.sum(s.m.sum(x, inner, false), outer, false)
}
