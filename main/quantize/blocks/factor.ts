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
  const work = new Work(products, pause)
  for (let added = damping * mean; added < 1e6 * mean; added *= 10) {
    for (let i = 0; i < k; i++) {
      const row = (order[i] as number) * k
      for (let j = 0; j < k; j++) upper[i * k + j] = moments[row + (order[j] as number)] as number
      const at = i * k + i
      // An input that is always zero has no bearing on the others.
      upper[at] = (upper[at] || mean) + added
    }
    if (!(await cholesky(upper, k, work))) continue
    await invert(upper, k, work)
    return { k, order, upper, moments }
  }
  throw new BantamError('bad-data', 'What a layer is given on the samples has no usable second moments.', {
    action: 'Check the samples, or choose another rounding.',
  })
}

/** Replaces a symmetric H by the upper triangle M with H = M·Mᵀ. False where H is not positive definite. */
async function cholesky(h: Float64Array, k: number, work: Work): Promise<boolean> {
  for (let to = k; to > 0; to -= PANEL) {
    await work.pause?.()
    const from = Math.max(0, to - PANEL)
    const [width, behind] = [to - from, k - to]
    // Rows of the panel behind it, turned: [behind, width].
    const turned = work.take('turned', behind * width)
    for (let c = 0; c < width; c++) {
      const row = (from + c) * k + to
      for (let t = 0; t < behind; t++) turned[t * width + c] = h[row + t] as number
    }
    /** H[rows, panel] less what is explained by the columns behind. */
    const left = async (first: number, count: number) => {
      const own = part(h, k, { first, count, from, to }, work.take('own', count * width))
      if (behind === 0) return own
      const rows = part(h, k, { first, count, from: to, to: k }, work.take('rows', count * behind))
      const explained = await work.products.multiply(rows, turned, count, behind, width)
      for (let i = 0; i < own.length; i++) own[i] = (own[i] as number) - (explained[i] as number)
      return own
    }
    const block = await left(from, width)
    if (!factorBlock(block, width)) return false
    for (let r = 0; r < width; r++) h.set(block.subarray(r * width, (r + 1) * width), (from + r) * k + from)
    // M[rows, panel]·blockᵀ = left
    const inverse = invertBlock(h, k, from, width)
    const upright = Float64Array.from(
      inverse,
      (_, at) => inverse[(at % width) * width + Math.floor(at / width)] as number,
    )
    for (let first = 0; first < from; first += CHUNK) {
      const count = Math.min(CHUNK, from - first)
      const made = await work.products.multiply(await left(first, count), upright, count, width, width)
      for (let r = 0; r < count; r++) h.set(made.subarray(r * width, (r + 1) * width), (first + r) * k + from)
    }
  }
  return true
}

/** As `cholesky`, of a small matrix [n, n] at once; what is below the diagonal becomes zero. */
function factorBlock(h: Float64Array, n: number): boolean {
  for (let j = n - 1; j >= 0; j--) {
    for (let i = j; i >= 0; i--) {
      let sum = h[i * n + j] as number
      for (let t = j + 1; t < n; t++) sum -= (h[i * n + t] as number) * (h[j * n + t] as number)
      if (i === j && !(sum > 0)) return false
      h[i * n + j] = i === j ? Math.sqrt(sum) : sum / (h[j * n + j] as number)
    }
    for (let i = j + 1; i < n; i++) h[i * n + j] = 0
  }
  return true
}

/** Replaces an upper triangle M by its inverse, whatever lies below its diagonal. */
async function invert(m: Float64Array, k: number, work: Work): Promise<void> {
  const { products } = work
  for (let to = k; to > 0; to -= BAND) {
    const first = Math.max(0, to - BAND)
    const count = to - first
    const own = invertBlock(m, k, first, count)
    const right = part(m, k, { first, count, from: to, to: k }, new Float64Array(count * (k - to)))
    // U[own, right] = −U[own, own]·(M[own, right]·U[right, right]), where U[right, right] is there already.
    for (let begin = to; begin < k; begin += CHUNK) {
      await work.pause?.()
      const end = Math.min(k, begin + CHUNK)
      const [rows, columns] = [end - to, end - begin]
      const a = part(right, k - to, { first: 0, count, from: 0, to: rows }, work.take('rows', count * rows))
      const done = upperPart(
        m,
        k,
        { first: to, count: rows, from: begin, to: end },
        work.take('own', rows * columns),
      )
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

/** What both steps work with. Room for parts of the matrix is kept: made anew for every product it would be gigabytes. */
class Work {
  private readonly rooms = new Map<string, Float64Array>()

  constructor(
    readonly products: Products,
    readonly pause?: () => Promise<void>,
  ) {}

  /** Room for so many values, with what was in it before. */
  take(name: string, size: number): Float64Array {
    let room = this.rooms.get(name)
    if (!room || room.length < size) {
      room = new Float64Array(size)
      this.rooms.set(name, room)
    }
    return room.subarray(0, size)
  }
}

interface Part {
  first: number
  count: number
  from: number
  to: number
}

/** Some rows and columns of a matrix of `width` columns. */
function part(
  matrix: Float64Array,
  width: number,
  { first, count, from, to }: Part,
  out: Float64Array,
): Float64Array {
  for (let r = 0; r < count; r++) {
    const row = (first + r) * width
    out.set(matrix.subarray(row + from, row + to), r * (to - from))
  }
  return out
}

/** As `part`, of an upper triangle: zero below the diagonal. */
function upperPart(
  matrix: Float64Array,
  width: number,
  { first, count, from, to }: Part,
  out: Float64Array,
): Float64Array {
  out.fill(0)
  for (let r = 0; r < count; r++) {
    const begin = Math.max(from, first + r)
    const row = (first + r) * width
    if (begin < to) out.set(matrix.subarray(row + begin, row + to), r * (to - from) + begin - from)
  }
  return out
}
