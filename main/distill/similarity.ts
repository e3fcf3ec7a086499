/**
 * How alike two representations of the same samples are: linear centred kernel alignment (Kornblith et al. 2019,
 * "Similarity of Neural Network Representations Revisited", arXiv 1905.00414) from batches, with the unbiased estimate
 * of HSIC for each batch (Song et al. 2012; Nguyen, Raghu and Kornblith 2021, arXiv 2010.15327).
 *
 *   CKA(X, Y) = Σ HSIC₁(XXᵀ, YYᵀ) / √(Σ HSIC₁(XXᵀ, XXᵀ) · Σ HSIC₁(YYᵀ, YYᵀ)), sums over the batches
 *
 * A batch of n samples enters by its n × n Gram matrix alone, however large the features are.
 */

/** Samples of a batch that are looked at: Gram matrices of more are cut to their corner. */
export const MOST_SAMPLES = 128
/** The unbiased estimate needs four samples. */
export const LEAST_SAMPLES = 4
/** Share of the largest number below which a difference is none. */
const ROUNDING = 1e-9

/**
 * The U-centred off-diagonal part of a Gram matrix [n, n], scaled so that the dot product of two is HSIC₁:
 *   K̃ᵢⱼ = Kᵢⱼ − rᵢ/(n − 2) − rⱼ/(n − 2) + s/((n − 1)(n − 2)),  rᵢ and s sums without the diagonal
 * (Székely and Rizzo 2014). Zeros where all that is left is rounding: the samples do not differ. Undefined when a number
 * is not finite.
 */
export function centredGram(gram: ArrayLike<number>, size: number): Float64Array | undefined {
  const n = Math.min(size, MOST_SAMPLES)
  const at = (i: number, j: number) => Number(gram[i * size + j])
  const rows = new Float64Array(n)
  let [total, largest] = [0, 0]
  for (let i = 0; i < n; i++) {
    let sum = 0
    for (let j = 0; j < n; j++) if (j !== i) sum += at(i, j)
    largest = Math.max(largest, Math.abs(at(i, i)))
    rows[i] = sum
    total += sum
  }
  if (!Number.isFinite(total)) return undefined
  const mean = total / ((n - 1) * (n - 2))
  const scale = 1 / Math.sqrt(n * (n - 3))
  const centred = new Float64Array(n * n)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (i === j) continue
      const margins = ((rows[i] ?? 0) + (rows[j] ?? 0)) / (n - 2)
      const value = at(i, j) - margins + mean
      if (Math.abs(value) > ROUNDING * largest) centred[i * n + j] = value * scale
    }
  return centred
}

/** HSIC of two lists of representations, added up over batches. */
export class Alignment {
  private readonly cross: Float64Array
  private readonly own: [Float64Array, Float64Array]

  constructor(
    private readonly first: number,
    private readonly second: number,
  ) {
    this.cross = new Float64Array(first * second)
    this.own = [new Float64Array(first), new Float64Array(second)]
  }

  /** Adds a batch; a representation that is not finite in it counts nothing from there on. */
  add(first: readonly (Float64Array | undefined)[], second: readonly (Float64Array | undefined)[]): void {
    const [a, b] = this.own
    for (let i = 0; i < this.first; i++) a[i] = (a[i] ?? 0) + dot(first[i], first[i])
    for (let j = 0; j < this.second; j++) b[j] = (b[j] ?? 0) + dot(second[j], second[j])
    for (let i = 0; i < this.first; i++)
      for (let j = 0; j < this.second; j++) {
        const at = i * this.second + j
        this.cross[at] = (this.cross[at] ?? 0) + dot(first[i], second[j])
      }
  }

  /** CKA of the i-th and the j-th, 0 … 1; 0 where one does not vary or is not finite. */
  cka(i: number, j: number): number {
    const norm = Math.sqrt((this.own[0][i] ?? 0) * (this.own[1][j] ?? 0))
    const value = (this.cross[i * this.second + j] ?? 0) / norm
    // The unbiased estimate may be a little below 0, and rounding may carry it above 1.
    return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0
  }
}

function dot(a: Float64Array | undefined, b: Float64Array | undefined): number {
  if (!a || !b) return Number.NaN
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
