/** Codes as the bytes that operators of com.microsoft read. */
import type { Blocks } from './blocks'
import { type Bits, topCode } from './grid'

/** [N, blocks, bytes of a block]; the last block is filled up with its zero point, which stands for 0. */
export function packCodes({ k, n, group, count, bits, codes, zeros }: Blocks): Uint8Array {
  const width = count * group
  const row = new Float32Array(width)
  const bytes = (width * bits) / 8
  const packed = new Uint8Array(n * bytes)
  for (let j = 0; j < n; j++) {
    row.set(codes.subarray(j * k, (j + 1) * k))
    row.fill(Math.min(topCode(bits), Math.max(0, Math.round(zeros[(j + 1) * count - 1] as number))), k)
    packed.set(packRows(row, 1, width, bits), j * bytes)
  }
  return packed
}

/** Rows of codes as bytes, or as nibbles, the first in the low one; every row begins a byte. */
export function packRows(values: ArrayLike<number>, rows: number, columns: number, bits: Bits): Uint8Array {
  if (bits === 8) return Uint8Array.from(values)
  const width = Math.ceil(columns / 2)
  const packed = new Uint8Array(rows * width)
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const at = r * width + (c >> 1)
      packed[at] = (packed[at] as number) | ((values[r * columns + c] as number) << ((c & 1) * 4))
    }
  }
  return packed
}

/** [N, rows] → [rows, N] */
export function swapped<T extends Float32Array | Uint8Array>(values: T, n: number, rows: number): T {
  // A slice of an array is an array of its kind.
  const out = values.slice() as T
  for (let j = 0; j < n; j++) for (let i = 0; i < rows; i++) out[i * n + j] = values[j * rows + i] as number
  return out
}
