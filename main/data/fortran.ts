/**
 * Column-major (Fortran order) arrays made row-major, without ever holding the whole array.
 * A column-major array of shape (N, a, b, …) lies in memory as a row-major one of shape (…, b, a, N): for every place
 * in a sample there is a stretch of N values, one per sample.
 */
import { ByteCollector, type ByteStore } from './bytes'

const BLOCK_BYTES = 64 * 2 ** 20

/** Row-major bytes of the column-major array of `shape` that begins at `offset` of `store`. */
export function toRowMajor(
  store: ByteStore,
  offset: number,
  itemSize: number,
  shape: readonly number[],
): ByteStore {
  const [count = 0, ...inner] = shape
  const length = inner.reduce((product, d) => product * d, 1)
  const target = rowMajorPlaces(inner)
  const block = Math.max(1, Math.min(count, Math.floor(BLOCK_BYTES / Math.max(1, length * itemSize))))
  const collector = new ByteCollector()
  const stretch = new Uint8Array(block * itemSize)
  for (let first = 0; first < count; first += block) {
    const rows = Math.min(block, count - first)
    const out = new Uint8Array(rows * length * itemSize)
    for (let place = 0; place < length; place++) {
      const part = stretch.subarray(0, rows * itemSize)
      store.readInto(part, offset + (place * count + first) * itemSize)
      const to = (target[place] ?? 0) * itemSize
      for (let row = 0; row < rows; row++) {
        for (let byte = 0; byte < itemSize; byte++) {
          out[row * length * itemSize + to + byte] = part[row * itemSize + byte] ?? 0
        }
      }
    }
    collector.append(out)
  }
  return collector.finish()
}

/** For each column-major place in a sample, its row-major place. */
function rowMajorPlaces(inner: readonly number[]): Uint32Array {
  const length = inner.reduce((product, d) => product * d, 1)
  const places = new Uint32Array(length)
  for (let place = 0; place < length; place++) {
    let rest = place
    let stride = length
    let to = 0
    for (const d of inner) {
      stride /= d
      to += (rest % d) * stride
      rest = Math.floor(rest / d)
    }
    places[place] = to
  }
  return places
}
