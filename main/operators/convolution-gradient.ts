/**
 * Gradients of convolutions, [N, C, x…] with W [M, C/G, k…] in G groups, L = prod of y's spatial sizes.
 * Weight: W̄ = Σₙ patches(x)ₙ · ȳₙᵀ, the patches [C·K, L] copied by a grouped convolution whose kernels each hold a single
 * one: two to ten times faster than slices or exchanged axes (bench/RESULTS.md).
 * Data: the transposed convolution of ȳ with W; with strides of 1 it is a convolution with W turned around.
 */
import { intAttribute, intsAttribute, stringAttribute } from '../onnx/build'
import { blockedConv, blockedDepthwiseGradient, blockedWeightGradient } from './blocked'
import { type Builder, staticShape, type Value } from './builder'
import type { Site, Vjp } from './gradient'
import { sumExcept } from './matmul-gradient'
import { computed } from './reduction-gradient'
import { product } from './row'
import { taps, untap } from './taps'
import { transposedPads, type Windows, windows } from './window'

const big = (list: readonly number[]) => list.map(BigInt)

/** Attributes of a convolution over the windows of `w`, reading exactly what they read. */
function forwardAttributes(w: Windows, group: number) {
  const { pads } = transposedPads(w)
  return {
    kernel_shape: big(w.kernel),
    strides: big(w.strides),
    dilations: big(w.dilations),
    pads: big(pads),
    group: BigInt(group),
  }
}

/** [N, C·K, L]: for each channel and kernel position, what the windows read there. */
function patches(m: Builder, x: Value, w: Windows): Value {
  const channels = Number(x.shape[1])
  const size = product(w.kernel)
  const length = product(w.output)
  const batch = { of: x, axis: 0 }
  const plain = size === 1 && w.strides.every(v => v === 1) && w.before.every(v => v === 0)
  if (plain && product(w.input) === length) return m.reshape(x, [batch, channels, length])
  if (m.gpu) return m.reshape(taps(m, x, w), [batch, channels * size, length])
  const one = Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0))
  const data = Array.from({ length: channels }, () => one).flat()
  const kernels = m.constant(x.type, [channels * size, 1, ...w.kernel], data)
  const shape = [x.shape[0] ?? '', channels * size, ...w.output]
  const copied = m.emit('Conv', [x, kernels], shape, { attributes: forwardAttributes(w, channels) })
  return m.reshape(copied, [batch, channels * size, length])
}

/** W̄ of a convolution from x to a result whose gradient is g. */
function weightGradient(m: Builder, x: Value, g: Value, w: Windows, group: number, like: Value): Value {
  const batch = { of: x, axis: 0 }
  const rows = (Number(x.shape[1]) * product(w.kernel)) / group
  const filters = Number(g.shape[1]) / group
  const length = product(w.output)
  const blocked = product(w.kernel) > 1 && weightGradientInBlocks(m, x, g, w, group, like)
  if (blocked) return blocked
  const p = patches(m, x, w)
  const split = (v: Value, width: number) =>
    group === 1 ? m.reshape(v, [batch, width, length]) : m.reshape(v, [batch, group, width, length])
  const each = m.matmul(split(p, rows), m.transposed(split(g, filters)))
  const total = m.sum(each, [0], false)
  return m.reshapeLike(m.transposed(total), like)
}

function weightGradientInBlocks(m: Builder, x: Value, g: Value, w: Windows, group: number, like: Value) {
  if (group === 1) return blockedWeightGradient(m, x, g, w, like)
  return group === x.shape[1] ? blockedDepthwiseGradient(m, x, g, w, like) : undefined
}

/** Turned around in every spatial axis, inputs and outputs exchanged within each group: [M, C/G, k…] → [C, M/G, k…]. */
function turned(m: Builder, weight: Value, group: number): Value {
  const [filters = 1, channels = 1, ...kernel] = weight.shape.map(Number)
  const axes = kernel.flatMap((k, i) => (k > 1 ? [i + 2] : []))
  const flipped =
    axes.length === 0
      ? weight
      : m.emit(
          'Slice',
          [
            weight,
            m.ints(axes.map(() => -1)),
            m.ints(axes.map(() => -(2 ** 31))),
            m.ints(axes),
            m.ints(axes.map(() => -1)),
          ],
          weight.shape,
        )
  const groups = m.reshape(flipped, [group, filters / group, channels, ...kernel])
  const perm = [0, 2, 1, ...kernel.map((_, i) => i + 3)]
  return m.reshape(m.transpose(groups, perm), [group * channels, filters / group, ...kernel])
}

/** x̄ = Wᵀ·ȳ */
export function dataGradient(
  m: Builder,
  g: Value,
  weight: Value,
  x: Value,
  w: Windows,
  group: number,
): Value {
  if (m.gpu && group > 1 && Number(weight.shape[0]) > group) return groupedData(m, g, weight, x, w, group)
  const { pads, extra } = transposedPads(w)
  const whole = w.kernel.map((k, i) => (k - 1) * (w.dilations[i] ?? 1))
  const around = pads.map((p, i) => (whole[i % whole.length] ?? 0) - p)
  const stepless = w.strides.every(v => v === 1) && extra.every(v => v === 0) && around.every(p => p >= 0)
  if (stepless) {
    const filter = turned(m, weight, group)
    const geometry = { kernel: w.kernel, strides: w.strides, dilations: w.dilations, pads: around }
    const blocked = product(w.kernel) > 1 && blockedConv(m, g, filter, x.shape, geometry, group)
    if (blocked) return blocked
    const attributes = { pads: big(around), dilations: big(w.dilations), group: BigInt(group) }
    return m.emit('Conv', [g, filter], x.shape, { attributes })
  }
  const attributes = {
    strides: big(w.strides),
    dilations: big(w.dilations),
    group: BigInt(group),
    pads: big(pads),
  }
  const grown = w.strides.every((v, i) => (extra[i] ?? 0) < v)
  if (grown)
    return m.emit('ConvTranspose', [g, weight], x.shape, {
      attributes: { ...attributes, output_padding: big(extra) },
    })
  const shape = x.shape.map((d, i) => (i < 2 ? d : Number(d) - (extra[i - 2] ?? 0)))
  const covered = m.emit('ConvTranspose', [g, weight], shape, { attributes })
  return m.pad(covered, [0, 0, ...extra.map(() => 0)], [0, 0, ...extra])
}

/** x̄ in groups of several filters by a product of matrices: Wᵀ·ȳ for every position of the kernel, added up. */
function groupedData(m: Builder, g: Value, weight: Value, x: Value, w: Windows, group: number): Value {
  const [filters, rows] = [Number(weight.shape[0]) / group, Number(weight.shape[1]) * product(w.kernel)]
  const batch = { of: x, axis: 0 }
  const matrix = m.transposed(m.reshape(weight, [group, filters, rows]))
  const spread = m.matmul(matrix, m.reshape(g, [batch, group, filters, product(w.output)]))
  return untap(m, spread, x, w)
}

/** Kernel sizes, from W's own shape. */
function kernelOf(s: Site, weight: Value): number[] {
  const dims = staticShape(weight.shape)
  if (!dims) throw computed(s, 'shape of the weights')
  return dims.slice(2)
}

/** The forward node anew in blocks: a value that equals its output, undefined where it does not fit. */
export function blockedForward(s: Site): Value | undefined {
  const group = intAttribute(s.node, 'group', 1)
  const [x, weight, y] = [s.input(0), s.input(1), s.output()]
  const kernel = staticShape(weight.shape)?.slice(2)
  if (!kernel || product(kernel) === 1 || !staticShape([...x.shape, ...y.shape])) return undefined
  const w = windows(s, x, y, kernel)
  const geometry = { ...w, pads: transposedPads(w).pads }
  return blockedConv(s.m, x, weight, y.shape, geometry, group, s.has(2) ? s.input(2) : undefined)
}

export const conv: Vjp = s => {
  const { m } = s
  const [x, weight, g] = [s.input(0), s.input(1), s.grad()]
  const group = intAttribute(s.node, 'group', 1)
  const w = windows(s, x, s.output(), kernelOf(s, weight))
  return [
    s.needs(0) ? dataGradient(m, g, weight, x, w, group) : undefined,
    s.needs(1) ? weightGradient(m, x, g, w, group, weight) : undefined,
    s.needs(2) ? sumExcept(s, g, 1) : undefined,
  ]
}

/** The transpose of a convolution from y to x: x̄ is that convolution of ȳ, W̄ as there with the ends exchanged. */
export const convTranspose: Vjp = s => {
  const { m } = s
  const [x, weight, g] = [s.input(0), s.input(1), s.grad()]
  if (stringAttribute(s.node, 'auto_pad', 'NOTSET') !== 'NOTSET' || intsAttribute(s.node, 'output_shape'))
    throw computed(s, 'pads (not auto_pad or output_shape)')
  const group = intAttribute(s.node, 'group', 1)
  const w = windows(s, g, x, kernelOf(s, weight))
  const data = () => m.emit('Conv', [g, weight], x.shape, { attributes: forwardAttributes(w, group) })
  return [
    s.needs(0) ? data() : undefined,
    s.needs(1) ? weightGradient(m, g, x, w, group, weight) : undefined,
    s.needs(2) ? sumExcept(s, g, 1) : undefined,
  ]
}
