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

/** The reverse of `taps`: adds [N, C, K, L] up where it was read from, shaped as x; what lay in the padding is dropped. */
export function untap(m: Builder, read: Value, x: Value, w: Windows): Value {
  const { pads } = transposedPads(w)
  const sizes = w.input.map((n, i) => n + (pads[i] ?? 0) + (pads[i + w.input.length] ?? 0))
  const channels = Number(x.shape[1])
  let g = m.reshape(read, [{ of: x, axis: 0 }, channels, ...w.kernel, ...w.output])
  for (let axis = w.kernel.length - 1; axis >= 0; axis--) g = added(m, g, w, axis, sizes[axis] ?? 0)
  return pads.every(p => p === 0) ? g : crop(m, g, w, x)
}

/** [N, C, k₀…kₐ, o₀…oₐ, x…] → [N, C, k₀…, o₀…, xₐ, x…]: each position's elements, `stride` apart, added in place. */
function added(m: Builder, g: Value, w: Windows, axis: number, size: number): Value {
  const [n = 1, step = 1, dilation = 1] = [w.output[axis], w.strides[axis], w.dilations[axis]]
  const place = 2 + axis
  const at = place + axis // of the output's axis, that of the kernel gone
  const parts = Array.from({ length: w.kernel[axis] ?? 1 }, (_, k) => {
    const one = g.shape.map((d, i) => (i === place ? 1 : d))
    const cut = m.emit('Slice', [g, m.ints([k]), m.ints([k + 1]), m.ints([place])], one)
    const narrow = one.filter((_, i) => i !== place)
    const part = m.emit('Squeeze', [cut, m.ints([place])], narrow)
    return padAxis(
      m,
      stretched(m, part, at, step),
      at,
      k * dilation,
      size - k * dilation - (n - 1) * step - 1,
    )
  })
  return parts.reduce((sum, part) => m.add(sum, part))
}

/** Puts `step` − 1 zeros between the elements of an axis. */
function stretched(m: Builder, x: Value, at: number, step: number): Value {
  const n = Number(x.shape[at])
  if (step === 1) return x
  const wide = [...x.shape.slice(0, at + 1), 1, ...x.shape.slice(at + 1)]
  const spaced = padAxis(m, m.emit('Unsqueeze', [x, m.ints([at + 1])], wide), at + 1, 0, step - 1)
  const dims = x.shape.map((d, axis) => (axis === at ? n * step : axis === 0 ? { of: x, axis } : Number(d)))
  const flat = m.reshape(spaced, dims)
  const shape = x.shape.map((d, i) => (i === at ? (n - 1) * step + 1 : d))
  return m.emit('Slice', [flat, m.ints([0]), m.ints([(n - 1) * step + 1]), m.ints([at])], shape)
}

function padAxis(m: Builder, x: Value, at: number, before: number, after: number): Value {
  const only = (n: number) => x.shape.map((_, i) => (i === at ? n : 0))
  return m.pad(x, only(before), only(after))
}

function crop(m: Builder, g: Value, w: Windows, x: Value): Value {
  const axes = w.input.map((_, i) => i + 2)
  const ends = w.input.map((n, i) => n + (w.before[i] ?? 0))
  return m.emit('Slice', [g, m.ints(w.before), m.ints(ends), m.ints(axes)], x.shape)
}
