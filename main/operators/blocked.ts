/**
 * Convolutions in the layout of ONNX Runtime's fast kernels for processors (MLAS): channels in blocks of B, [N, C/B, H, W, B],
 * filters [O/B, I/B, kh, kw, B of I, B of O]. ORT puts constant filters into that layout itself; here they are weights
 * that change, so the graph does it. B depends on the processor (main/autodiff/block-size.ts); where a shape does not
 * fit, undefined says so and the caller writes the portable form.
 */
import { type Builder, staticShape, type Value } from './builder'
import { product } from './row'
import type { Windows } from './window'

const DOMAIN = 'com.microsoft.nchwc'
const big = (list: readonly number[]) => list.map(BigInt)

interface Geometry {
  kernel: readonly number[]
  strides: readonly number[]
  dilations: readonly number[]
  /** Front of each axis, then end. */
  pads: readonly number[]
}

/** y = W * x, [N, C, H, W] to `shape`, in one group. Undefined unless all sizes are known and channels fill blocks. */
export function blockedConv(
  m: Builder,
  x: Value,
  weight: Value,
  shape: Value['shape'],
  geometry: Geometry,
  bias?: Value,
): Value | undefined {
  const dims = staticShape(weight.shape)
  const y = staticShape(shape)
  if (m.block === 0 || x.type !== 'float32' || dims?.length !== 4 || !y || !staticShape(x.shape))
    return undefined
  const [filters = 0, channels = 0] = dims
  const plain = channels < m.block
  if (filters % m.block !== 0 || (!plain && channels % m.block !== 0)) return undefined
  const input = plain ? x : reorderInput(m, x)
  const blocked = convolve(m, [input, filterBlocks(m, weight, plain), bias], y, geometry)
  return reorderOutput(m, blocked)
}

/**
 * W̄ of a convolution of x whose result has the gradient g, one group, shaped as `like`: as a convolution of x with g in
 * which batch and channels change places. Kernel and result change places too, and so do strides and dilations:
 *   W̄[o, c, k] = Σ g[n, o, h]·x[n, c, s·h + d·k − p]
 */
export function blockedWeightGradient(
  m: Builder,
  x: Value,
  g: Value,
  w: Windows,
  like: Value,
): Value | undefined {
  const [xs, gs] = [staticShape(x.shape), staticShape(g.shape)]
  if (m.block === 0 || x.type !== 'float32' || xs?.length !== 4 || !gs) return undefined
  const [batch = 0, channels = 0] = xs
  const filters = gs[1] ?? 0
  if (batch % m.block !== 0 || filters % m.block !== 0) return undefined
  // With no padding left to the convolution its fastest kernel serves every position.
  const read = w.kernel.map(
    (k, i) => (w.strides[i] ?? 1) * ((w.output[i] ?? 1) - 1) + 1 + (k - 1) * (w.dilations[i] ?? 1),
  )
  const after = read.map((r, i) => r - (w.input[i] ?? 0) - (w.before[i] ?? 0))
  const exchanged = m.transpose(x, [1, 0, 2, 3])
  const padded = m.pad(exchanged, [0, 0, ...w.before], [0, 0, ...after])
  const result = convolve(
    m,
    [reorderInput(m, padded), gradientBlocks(m, g)],
    [channels, filters, ...w.kernel],
    { kernel: w.output, strides: w.dilations, dilations: w.strides, pads: [0, 0, 0, 0] },
  )
  return m.reshapeLike(m.transpose(reorderOutput(m, result), [1, 0, 2, 3]), like)
}

function convolve(
  m: Builder,
  inputs: readonly (Value | undefined)[],
  shape: readonly number[],
  { kernel, strides, dilations, pads }: Geometry,
): Value {
  return m.emit('Conv', inputs[2] ? inputs : inputs.slice(0, 2), shape, {
    domain: DOMAIN,
    attributes: {
      kernel_shape: big(kernel),
      strides: big(strides),
      dilations: big(dilations),
      pads: big(pads),
      group: 1n,
      auto_pad: 'NOTSET',
    },
  })
}

function reorderInput(m: Builder, x: Value): Value {
  return m.emit('ReorderInput', [x], x.shape, { domain: DOMAIN })
}

function reorderOutput(m: Builder, x: Value): Value {
  return m.emit('ReorderOutput', [x], x.shape, {
    domain: DOMAIN,
    attributes: { channels: BigInt(Number(x.shape[1])) },
  })
}

/** [O, I, kh, kw] in blocks; with `plain`, only O is. */
function filterBlocks(m: Builder, weight: Value, plain: boolean): Value {
  const [o = 1, i = 1, ...kernel] = weight.shape.map(Number)
  const b = m.block
  const parts = plain
    ? m.transpose(m.reshape(weight, [o / b, b, i, product(kernel)]), [0, 2, 3, 1])
    : m.transpose(m.reshape(weight, [o / b, b, i / b, b, product(kernel)]), [0, 2, 4, 3, 1])
  return m.reshape(parts, [o, i, ...kernel])
}

/** g [N, O, h, w] as the filter [O, N, h, w] in blocks. */
function gradientBlocks(m: Builder, g: Value): Value {
  const [n = 1, o = 1, ...size] = g.shape.map(Number)
  const b = m.block
  const blocks = m.reshape(reorderInput(m, g), [n / b, b, o / b, product(size), b])
  return m.reshape(m.transpose(blocks, [2, 0, 3, 1, 4]), [o, n, ...size])
}
