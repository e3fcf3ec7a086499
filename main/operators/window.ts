/** The geometry of sliding windows: kernels, strides, dilations and pads of convolution and pooling nodes. */
import type { NodeProto } from 'onnx-buf'
import { intsAttribute, stringAttribute } from '../onnx/build'
import { staticShape, type Value } from './builder'
import type { Site } from './gradient'
import { computed } from './reduction-gradient'

export interface Windows {
  kernel: number[]
  strides: number[]
  dilations: number[]
  /** Padding in front, per spatial axis. */
  before: number[]
  /** Spatial sizes of x and y. */
  input: number[]
  output: number[]
}

/** Reads a node that slides `kernel` over x and gives y. Throws `unsupported` when spatial sizes are not known. */
export function windows(s: Site, x: Value, y: Value, kernel: readonly number[]): Windows {
  const [input, output] = [staticShape(x.shape.slice(2)), staticShape(y.shape.slice(2))]
  if (!input || !output) throw computed(s, 'height and width')
  const ones = kernel.map(() => 1)
  const strides = intsAttribute(s.node, 'strides') ?? ones
  const dilations = intsAttribute(s.node, 'dilations') ?? ones
  const before = paddingBefore(s.node, { input, output, kernel, strides, dilations })
  return { kernel: [...kernel], strides, dilations, before, input, output }
}

/** Padding in front, per axis. SAME: y has ⌈x/s⌉ elements; the odd one goes to the end (upper) or the front (lower). */
export function paddingBefore(
  node: NodeProto,
  w: Omit<Windows, 'before' | 'kernel'> & { kernel: readonly number[] },
): number[] {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET')
  if (mode === 'NOTSET')
    return (intsAttribute(node, 'pads') ?? w.kernel.map(() => 0)).slice(0, w.kernel.length)
  if (mode === 'VALID') return w.kernel.map(() => 0)
  return w.kernel.map((k, i) => {
    const total = Math.max(0, reach(w.output[i], w.strides[i], w.dilations[i], k) - (w.input[i] ?? 0))
    return mode === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
  })
}

/** Elements that n windows reach over. */
function reach(n = 1, stride = 1, dilation = 1, kernel = 1): number {
  return (n - 1) * stride + dilation * (kernel - 1) + 1
}

/**
 * Pads of the transposed operation, front then end, and how many elements at the end no window covers: with those
 * the transposed windows over y give exactly the size of x.
 */
export function transposedPads(w: Windows): { pads: number[]; extra: number[] } {
  const ends = w.kernel.map(
    (k, i) => reach(w.output[i], w.strides[i], w.dilations[i], k) - (w.before[i] ?? 0) - (w.input[i] ?? 0),
  )
  return { pads: [...w.before, ...ends.map(e => Math.max(0, e))], extra: ends.map(e => Math.max(0, -e)) }
}
