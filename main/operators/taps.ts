/** What sliding windows read, position by position of the kernel. */
import type { Builder, Value } from './builder'
import { product } from './row'
import { transposedPads, type Windows } from './window'

/**
 * [N, C, K, L]: for each channel and kernel position, what the windows over x read there; `fill` in the padding.
 * Slices alone, which every device computes exactly.
 */
export function taps(m: Builder, x: Value, w: Windows, fill = 0): Value {
  const rank = w.kernel.length
  const { pads } = transposedPads(w)
  const none = [0, 0]
  const target = m.ints([...none, ...pads.slice(0, rank), ...none, ...pads.slice(rank)])
  const wide = x.shape.map((d, i) => (i < 2 ? d : Number(d) + (pads[i - 2] ?? 0) + (pads[i - 2 + rank] ?? 0)))
  const padded = pads.every(p => p === 0) ? x : m.emit('Pad', [x, target, m.scalar(fill, x.type)], wide)
  const read = along(m, padded, w, 0)
  const batch = { of: x, axis: 0 }
  return m.reshape(read, [batch, Number(x.shape[1]), product(w.kernel), product(w.output)])
}

/** One axis after the other: [N, C, k₀, o₀, x₁…] → … → [N, C, k₀, k₁, …, o₀, o₁, …]. */
function along(m: Builder, x: Value, w: Windows, axis: number): Value {
  const kernel = w.kernel[axis]
  if (kernel === undefined) return x
  const [n = 1, step = 1, dilation = 1] = [w.output[axis], w.strides[axis], w.dilations[axis]]
  // The kernel's axes that were read before stand between the channels and the spatial axes.
  const at = 2 + axis + axis
  const place = 2 + axis
  const parts = Array.from({ length: kernel }, (_, k) => {
    const from = k * dilation
    const shape = x.shape.map((d, i) => (i === at ? n : d))
    const read = m.emit(
      'Slice',
      [x, m.ints([from]), m.ints([from + (n - 1) * step + 1]), m.ints([at]), m.ints([step])],
      shape,
    )
    const wide = [...shape.slice(0, place), 1, ...shape.slice(place)]
    return m.emit('Unsqueeze', [read, m.ints([place])], wide)
  })
  const like = (parts[0]?.shape ?? []).map((d, i) => (i === place ? kernel : d))
  return along(m, m.concat(parts, place, like), w, axis + 1)
}
