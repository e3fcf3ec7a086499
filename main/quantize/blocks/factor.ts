/**
 * What GPTQ needs of a layer's inputs, from H = Σ x·xᵀ + λ·mean(diag)·I: the upper triangle U with H⁻¹ = Uᵀ·U.
 *
 *   H = M·Mᵀ with M an upper triangle (Cholesky from the last row up),   U = M⁻¹
 *
 * Both steps go by blocks of rows, so that nearly all of the K³/3 multiplications are products of matrices.
 */
import { BantamError } from '../../../shared/errors'
import type { Products } from './products'

/** What GPTQ needs of a layer's inputs; layers with the same inputs share it. */
export interface InputFactor {
  k: number
  /** Order of the inputs. */
  order: Uint32Array
  /** [K, K], U of the inputs in that order; what is below its diagonal is not zero. */
  upper: Float64Array
  /** [K, K], Σ x·xᵀ, in the order of the model. */
  moments: Float64Array
}

/** Columns of M that are found together, and rows of U. */
const PANEL = 64
const BAND = 256
/** Rows or columns of a product, so that copies of parts of the matrix stay small. */
const CHUNK = 512

/**
 * Factorizes Σ x·xᵀ [K, K] of a layer's inputs. Throws `bad-data` where it is not finite or cannot be made positive
 * definite.
 * @param moments kept as it is
 * @param damping λ, which grows tenfold as long as the matrix is not positive definite
 */
export async function factorInputs(
  moments: Float64Array,
  k: number,
  { damping, actOrder }: { damping: number; actOrder: boolean },
  products: Products,
  pause?: () => Promise<void>,
): Promise<InputFactor> {
  const diagonal = Float64Array.from({ length: k }, (_, i) => moments[i * k + i] as number)
  const order = Uint32Array.from({ length: k }, (_, i) => i)
  if (actOrder) order.sort((a, b) => (diagonal[b] as number) - (diagonal[a] as number) || a - b)
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / k || 1
  const upper = new Float64Array(k * k)
  for (let added = damping * mean; added < 1e6 * mean; added *= 10) {
    for (let i = 0; i < k; i++) {
      const row = (order[i] as number) * k
      for (let j = 0; j < k; j++) upper[i * k + j] = moments[row + (order[j] as number)] as number
      const at = i * k + i
      // An input that is always zero has no bearing on the others.
      upper[at] = (upper[at] || mean) + added
    }
    if (!(await cholesky(upper, k, products, pause))) continue
    await invert(upper, k, products, pause)
    return { k, order, upper, moments }
  }
  throw new BantamError('bad-data', 'What a layer is given on the samples has no usable second moments.', {
    action: 'Check the samples, or choose another rounding.',
  })
}

/** Replaces a symmetric H by the upper triangle M with H = M·Mᵀ. False where H is not positive definite. */
async function cholesky(
  h: Float64Array,
  k: number,
  products: Products,
  pause?: () => Promise<void>,
): Promise<boolean> {
  for (let to = k; to > 0; to -= PANEL) {
    const from = Math.max(0, to - PANEL)
    await pause?.()
    await subtractBehind(h, k, from, to, products)
    for (let j = to - 1; j >= from; j--) {
      const row = j * k
      const square = (h[row + j] as number) - dot(h, row, row, j + 1, to)
      if (!(square > 0)) return false
      const root = Math.sqrt(square)
      h[row + j] = root
      for (let i = 0; i < j; i++) {
        const at = i * k + j
        h[at] = ((h[at] as number) - dot(h, i * k, row, j + 1, to)) / root
      }
    }
  }
  return true
}

/** h[r, from…to) −= Σ over t ≥ to of M[r, t]·M[from…to), t], for all rows r < to. */
async function subtractBehind(
  h: Float64Array,
  k: number,
  from: number,
  to: number,
  products: Products,
): Promise<void> {
  const [width, behind] = [to - from, k - to]
  if (behind === 0) return
  const b = new Float64Array(behind * width)
  for (let c = 0; c < width; c++) {
    const row = (from + c) * k + to
    for (let t = 0; t < behind; t++) b[t * width + c] = h[row + t] as number
  }
  for (let first = 0; first < to; first += CHUNK) {
    const count = Math.min(CHUNK, to - first)
    const a = part(h, k, { first, count, from: to, to: k })
    const product = await products.multiply(a, b, count, behind, width)
    for (let r = 0; r < count; r++) {
      const at = (first + r) * k + from
      for (let c = 0; c < width; c++) h[at + c] = (h[at + c] as number) - (product[r * width + c] as number)
    }
  }
}

/** Replaces an upper triangle M by its inverse, whatever lies below its diagonal. */
async function invert(
  m: Float64Array,
  k: number,
  products: Products,
  pause?: () => Promise<void>,
): Promise<void> {
  for (let to = k; to > 0; to -= BAND) {
    const first = Math.max(0, to - BAND)
    const count = to - first
    const own = invertBlock(m, k, first, count)
    const right = part(m, k, { first, count, from: to, to: k })
    // U[own, right] = −U[own, own]·(M[own, right]·U[right, right]), where U[right, right] is there already.
    for (let begin = to; begin < k; begin += CHUNK) {
      await pause?.()
      const end = Math.min(k, begin + CHUNK)
      const [rows, columns] = [end - to, end - begin]
      const a = part(right, k - to, { first: 0, count, from: 0, to: rows })
      const done = upperPart(m, k, { first: to, count: rows, from: begin, to: end })
      const between = await products.multiply(a, done, count, rows, columns)
      const product = await products.multiply(own, between, count, count, columns)
      for (let r = 0; r < count; r++) {
        const at = (first + r) * k + begin
        for (let c = 0; c < columns; c++) m[at + c] = -(product[r * columns + c] as number)
      }
    }
    for (let r = 0; r < count; r++)
      m.set(own.subarray(r * count + r, (r + 1) * count), (first + r) * k + first + r)
  }
}

/** The inverse of the triangle on the diagonal, [count, count], zero below. */
function invertBlock(m: Float64Array, k: number, first: number, count: number): Float64Array {
  const made = new Float64Array(count * count)
  for (let i = count - 1; i >= 0; i--) {
    const row = made.subarray(i * count, (i + 1) * count)
    row[i] = 1
    const from = (first + i) * k + first
    for (let r = i + 1; r < count; r++) {
      const factor = m[from + r] as number
      if (factor === 0) continue
      for (let j = r; j < count; j++) row[j] = (row[j] as number) - factor * (made[r * count + j] as number)
    }
    const diagonal = 1 / (m[from + i] as number)
    for (let j = i; j < count; j++) row[j] = (row[j] as number) * diagonal
  }
  return made
}

interface Part {
  first: number
  count: number
  from: number
  to: number
}

/** Some rows and columns of a matrix of `width` columns. */
function part(matrix: Float64Array, width: number, { first, count, from, to }: Part): Float64Array {
  const out = new Float64Array(count * (to - from))
  for (let r = 0; r < count; r++) {
    const row = (first + r) * width
    out.set(matrix.subarray(row + from, row + to), r * (to - from))
  }
  return out
}

/** As `part`, of an upper triangle: zero below the diagonal. */
function upperPart(matrix: Float64Array, width: number, { first, count, from, to }: Part): Float64Array {
  const out = new Float64Array(count * (to - from))
  for (let r = 0; r < count; r++) {
    const begin = Math.max(from, first + r)
    const row = (first + r) * width
    if (begin < to) out.set(matrix.subarray(row + begin, row + to), r * (to - from) + begin - from)
  }
  return out
}

/** Σ over [from, to) of two rows of a matrix, in four sums. */
function dot(data: Float64Array, a: number, b: number, from: number, to: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let t = from
  for (; t + 3 < to; t += 4) {
    s0 += (data[a + t] as number) * (data[b + t] as number)
    s1 += (data[a + t + 1] as number) * (data[b + t + 1] as number)
    s2 += (data[a + t + 2] as number) * (data[b + t + 2] as number)
    s3 += (data[a + t + 3] as number) * (data[b + t + 3] as number)
  }
  for (; t < to; t++) s0 += (data[a + t] as number) * (data[b + t] as number)
  return s0 + s1 + (s2 + s3)
}
