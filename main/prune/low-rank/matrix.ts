/** Dense matrices of doubles, row by row. Plain loops: the same bits on every machine. */

export interface Matrix {
  rows: number
  columns: number
  /** [rows · columns], the columns running fastest. */
  data: Float64Array
}

export function matrix(
  rows: number,
  columns: number,
  data: Float64Array = new Float64Array(rows * columns),
): Matrix {
  return { rows, columns, data }
}

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const out = new Float64Array(data.length)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number
  return matrix(columns, rows, out)
}

/** A·B for few columns of A·B, or small matrices: by rows of B. */
export function times(a: Matrix, b: Matrix): Matrix {
  const out = new Float64Array(a.rows * b.columns)
  for (let i = 0; i < a.rows; i++) {
    const row = out.subarray(i * b.columns, (i + 1) * b.columns)
    for (let k = 0; k < a.columns; k++) {
      const factor = a.data[i * a.columns + k] as number
      if (factor === 0) continue
      const other = b.data.subarray(k * b.columns, (k + 1) * b.columns)
      for (let j = 0; j < row.length; j++) row[j] = (row[j] as number) + factor * (other[j] as number)
    }
  }
  return matrix(a.rows, b.columns, out)
}

/** A·Aᵀ, the products of all rows with each other: four rows by four at a time, half of them. */
export function gram(a: Matrix): Matrix {
  const n = a.rows
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i += 4) for (let j = 0; j <= i; j += 4) tile(a, out, i, j)
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) out[j * n + i] = out[i * n + j] as number
  return matrix(n, n, out)
}

/** Products of rows i … i+3 with rows j … j+3. Rows beyond the last are taken for the last and not written. */
function tile({ rows: n, columns: k, data }: Matrix, out: Float64Array, i: number, j: number): void {
  const at = (row: number) => Math.min(row, n - 1) * k
  const [a0, a1, a2, a3] = [at(i), at(i + 1), at(i + 2), at(i + 3)]
  const [b0, b1, b2, b3] = [at(j), at(j + 1), at(j + 2), at(j + 3)]
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0]
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let t = 0; t < k; t++) {
    const x0 = data[a0 + t] as number
    const x1 = data[a1 + t] as number
    const x2 = data[a2 + t] as number
    const x3 = data[a3 + t] as number
    const y0 = data[b0 + t] as number
    const y1 = data[b1 + t] as number
    const y2 = data[b2 + t] as number
    const y3 = data[b3 + t] as number
    s00 += x0 * y0
    s01 += x0 * y1
    s02 += x0 * y2
    s03 += x0 * y3
    s10 += x1 * y0
    s11 += x1 * y1
    s12 += x1 * y2
    s13 += x1 * y3
    s20 += x2 * y0
    s21 += x2 * y1
    s22 += x2 * y2
    s23 += x2 * y3
    s30 += x3 * y0
    s31 += x3 * y1
    s32 += x3 * y2
    s33 += x3 * y3
  }
  const sums = [s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33]
  for (let p = 0; p < 4 && i + p < n; p++)
    for (let q = 0; q < 4 && j + q < n; q++) out[(i + p) * n + j + q] = sums[4 * p + q] as number
}

export function trace({ rows, columns, data }: Matrix): number {
  let sum = 0
  for (let i = 0; i < Math.min(rows, columns); i++) sum += data[i * columns + i] as number
  return sum
}

/** The lower triangle L with L·Lᵀ = S (Cholesky), of a positive definite S; null where it is not. */
export function cholesky({ rows: n, data }: Matrix): Matrix | null {
  const out = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = data[i * n + j] as number
      for (let k = 0; k < j; k++) sum -= (out[i * n + k] as number) * (out[j * n + k] as number)
      if (i === j) {
        if (!(sum > 0)) return null
        out[i * n + i] = Math.sqrt(sum)
      } else out[i * n + j] = sum / (out[j * n + j] as number)
    }
  }
  return matrix(n, n, out)
}

/** X with Lᵀ·X = B, for a lower triangle L. */
export function solveTransposed({ rows: n, data: l }: Matrix, b: Matrix): Matrix {
  const out = b.data.slice()
  const width = b.columns
  for (let i = n - 1; i >= 0; i--) {
    const row = out.subarray(i * width, (i + 1) * width)
    const diagonal = l[i * n + i] as number
    for (let j = 0; j < width; j++) row[j] = (row[j] as number) / diagonal
    for (let k = 0; k < i; k++) {
      const factor = l[i * n + k] as number
      const other = out.subarray(k * width, (k + 1) * width)
      for (let j = 0; j < width; j++) other[j] = (other[j] as number) - factor * (row[j] as number)
    }
  }
  return matrix(n, width, out)
}
