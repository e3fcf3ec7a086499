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

/**
 * y = W * x, [N, C, H, W] to `shape`, in one group or depthwise (as many groups as channels and filters). Undefined
 * unless all sizes are known and channels fill blocks.
 */
export function blockedConv(
  m: Builder,
  x: Value,
  weight: Value,
  shape: Value['shape'],
  geometry: Geometry,
  group = 1,
  bias?: Value,
): Value | undefined {
  const dims = staticShape(weight.shape)
  const [y, xs] = [staticShape(shape), staticShape(x.shape)]
  if (m.block === 0 || x.type !== 'float32' || dims?.length !== 4 || !y || !xs) return undefined
  const [filters = 0, channels = 0] = dims
  const depthwise = isDepthwise(xs[1], filters, group)
  if ((group > 1 && !depthwise) || filters % m.block !== 0) return undefined
  const plain = !depthwise && channels < m.block
  if (!depthwise && !plain && channels % m.block !== 0) return undefined
  const input = plain ? x : reorderInput(m, x)
  const kernels = filterBlocks(m, weight, plain || depthwise)
  return reorderOutput(m, convolve(m, [input, kernels, bias], y, geometry, group))
}

function isDepthwise(channels: number | undefined, filters: number, group: number): boolean {
  return group > 1 && channels === group && filters === group
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
  const pads = weightPads(w)
  const exchanged = m.transpose(x, [1, 0, 2, 3])
  const padded = m.pad(exchanged, [0, 0, ...pads.slice(0, 2)], [0, 0, ...pads.slice(2)])
  const result = convolve(
    m,
    [reorderInput(m, padded), gradientBlocks(m, g)],
    [channels, filters, ...w.kernel],
    { kernel: w.output, strides: w.dilations, dilations: w.strides, pads: [0, 0, 0, 0] },
  )
  return m.reshapeLike(m.transpose(reorderOutput(m, result), [1, 0, 2, 3]), like)
}

/**
 * W̄ of a depthwise convolution: each channel of each sample is a convolution of its own, with ȳ as its kernel, and the
 * samples are added up. As above strides and dilations change places. In blocks, samples and channels are one axis.
 */
export function blockedDepthwiseGradient(
  m: Builder,
  x: Value,
  g: Value,
  w: Windows,
  like: Value,
): Value | undefined {
  const [xs, gs] = [staticShape(x.shape), staticShape(g.shape)]
  if (m.block === 0 || x.type !== 'float32' || xs?.length !== 4 || !gs) return undefined
  const [batch = 0, channels = 0, ...size] = xs
  if (channels % m.block !== 0 || gs[1] !== channels) return undefined
  const group = batch * channels
  const input = m.reshape(reorderInput(m, x), [1, group, ...size])
  const kernels = m.reshape(reorderInput(m, g), [group, 1, ...w.output])
  const pads = weightPads(w)
  // Where a rest of x is unread the result is longer than the kernel: it is cut, as pads may not be negative.
  const rest = pads.slice(2).map((p, i) => Math.floor(Math.max(0, -p) / (w.dilations[i] ?? 1)))
  const kernel = w.kernel.map((k, i) => k + (rest[i] ?? 0))
  const geometry = {
    kernel: w.output,
    strides: w.dilations,
    dilations: w.strides,
    pads: pads.map(p => Math.max(0, p)),
  }
  const result = convolve(m, [input, kernels], [1, group, ...kernel], geometry, group)
  const each = m.reshape(reorderOutput(m, result), [batch, channels, 1, ...kernel])
  const cut = rest.map(r => -r)
  return m.reshapeLike(m.pad(m.sum(each, [0], false), [0, 0, 0, 0], [0, 0, ...cut]), like)
}

/** What the windows read before x begins, and up to where they read: a negative number leaves the rest of x unread. */
function weightPads(w: Windows): number[] {
  return [...w.before, ...w.input.map((n, i) => extent(w, i) - n - (w.before[i] ?? 0))]
}

/** How far all windows together reach along an axis. */
function extent(w: Windows, axis: number): number {
  const [stride = 1, dilation = 1] = [w.strides[axis], w.dilations[axis]]
  return stride * ((w.output[axis] ?? 1) - 1) + 1 + ((w.kernel[axis] ?? 1) - 1) * dilation
}

function convolve(
  m: Builder,
  inputs: readonly (Value | undefined)[],
  shape: readonly number[],
  { kernel, strides, dilations, pads }: Geometry,
  group = 1,
): Value {
  return m.emit('Conv', inputs[2] ? inputs : inputs.slice(0, 2), shape, {
    domain: DOMAIN,
    attributes: {
      kernel_shape: big(kernel),
      strides: big(strides),
      dilations: big(dilations),
      pads: big(pads),
      group: BigInt(group),
      auto_pad: 'NOTSET',
    },
  })
}

/** Once for each value: forward pass, data gradient and weight gradient share it. */
function reorderInput(m: Builder, x: Value): Value {
  return m.once(`blocks of ${x.name}`, () => m.emit('ReorderInput', [x], x.shape, { domain: DOMAIN }))
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
