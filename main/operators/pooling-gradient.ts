/** Gradients of pooling. */
import { intAttribute, intsAttribute } from '../onnx/build'
import type { Value } from './builder'
import { dataGradient } from './convolution-gradient'
import type { Site, Vjp } from './gradient'
import { computed } from './reduction-gradient'
import { product } from './row'
import { taps, untap } from './taps'
import { windows } from './window'

/** Below every value: what padding holds. */
const LOWEST = -3.4e38

/**
 * ȳ is added at the element that was the maximum, which the node tells (the first of equal ones). Indices count over
 * the whole tensor.
 */
export const maxPool: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  if (intAttribute(s.node, 'storage_order', 0) !== 0) throw computed(s, 'storage_order (not 0)')
  if (m.gpu) return [byComparison(s)]
  const at = m.emit('Reshape', [s.output(1), m.ints([-1, 1])], ['', 1])
  const flat = m.emit('Reshape', [s.grad(), m.ints([-1])], [''])
  const zeros = m.emit('Reshape', [m.fullLike(x, 0), m.ints([-1])], [''])
  const added = m.emit('ScatterND', [zeros, at, flat], [''], { attributes: { reduction: 'add' } })
  return [m.reshapeLike(added, x)]
}

/** As above without the indices: what each window reads is compared with its maximum; the first hit is it. */
function byComparison(s: Site): Value {
  const { m } = s
  const x = s.input(0)
  const w = windows(s, x, s.output(), intsAttribute(s.node, 'kernel_shape') ?? [])
  const size = product(w.kernel)
  const channels = Number(x.shape[1])
  const read = taps(m, x, w, LOWEST)
  const hit = m.cast(m.equal(read, m.reduce('ReduceMax', read, [2])), x.type)
  const order = Array.from({ length: size }, (_, i) => size - i)
  const ranked = m.mul(hit, m.constant(x.type, [1, 1, size, 1], order))
  const first = m.cast(m.equal(ranked, m.reduce('ReduceMax', ranked, [2])), x.type)
  const batch = { of: x, axis: 0 }
  const g = m.reshape(s.grad(), [batch, channels, 1, product(w.output)])
  return untap(m, m.mul(first, g), x, w)
}

/** How many elements of x each window averages over, per spatial axis. */
function counts(
  w: ReturnType<typeof windows>,
  axis: number,
  padding: { counted: boolean; after: number },
): number[] {
  const [k = 1, step = 1, d = 1] = [w.kernel[axis], w.strides[axis], w.dilations[axis]]
  const [before = 0, size = 1] = [w.before[axis], w.input[axis]]
  const low = padding.counted ? -before : 0
  const high = padding.counted ? size + padding.after : size
  return Array.from({ length: w.output[axis] ?? 1 }, (_, o) => {
    const at = Array.from({ length: k }, (_, i) => o * step - before + i * d)
    return at.filter(p => p >= low && p < high).length
  })
}

/** x̄ = transposed windows of ȳ divided by the number of elements averaged (padding counts where the node says so). */
export const averagePool: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  const w = windows(s, x, s.output(), intsAttribute(s.node, 'kernel_shape') ?? [])
  const counted = intAttribute(s.node, 'count_include_pad', 0) !== 0
  const pads = intsAttribute(s.node, 'pads') ?? []
  const channels = Number(x.shape[1])
  let g: Value = s.grad()
  let scale = 1
  w.kernel.forEach((_, axis) => {
    const n = counts(w, axis, { counted, after: pads[axis + w.kernel.length] ?? w.before[axis] ?? 0 })
    if (n.every(c => c === n[0])) scale *= n[0] ?? 1
    else g = m.div(g, m.constant(x.type, [n.length, ...w.kernel.slice(axis + 1).map(() => 1)], n))
  })
  const weight = m.constant(
    x.type,
    [channels, 1, ...w.kernel],
    Array(channels * product(w.kernel)).fill(1 / scale),
  )
  return [dataGradient(m, g, weight, x, w, channels)]
}

function spatial(s: Site): number[] {
  return s.input(0).shape.flatMap((_, i) => (i > 1 ? [i] : []))
}

/** x̄ = ȳ/n */
export const globalAverage: Vjp = s => {
  const { m } = s
  const x = s.input(0)
  return [m.expandLike(m.div(s.grad(), m.count(x, spatial(s), x.type)), x)]
}

/** x̄ = ȳ·[x = y] / how many are equal to y */
export const globalMax: Vjp = s => {
  const { m } = s
  const hit = m.cast(m.equal(s.input(0), s.output()), s.grad().type)
  return [m.mul(hit, m.div(s.grad(), m.sum(hit, spatial(s))))]
}
