/**
 * Gradients of normalizations. With x̂ = (x − μ)·r and y = x̂·γ + β, r = 1/√(σ² + ε), μ and σ² over n elements:
 *   β̄ = Σ ȳ,  γ̄ = Σ ȳ·x̂,  x̄ = r·(h − mean(h) − x̂·mean(h·x̂)),  h = ȳ·γ
 */
import { floatAttribute, intAttribute } from '../onnx/build'
import { axisOf } from './activation-gradient'
import type { Builder, Value } from './builder'
import type { Site, Vjp } from './gradient'
import { sumExcept } from './matmul-gradient'

function inverseDeviation(m: Builder, variance: Value, epsilon: number): Value {
  return m.unary('Reciprocal', m.unary('Sqrt', m.add(variance, epsilon)))
}

/** A vector of channels [C], shaped to broadcast against x. */
function channel(m: Builder, v: Value, x: Value): Value {
  return m.reshape(v, [{ of: v, axis: 0 }, ...x.shape.slice(2).map(() => 1)])
}

/**
 * In training form the statistics are those of the batch, which outputs 1 and 2 hold (the driver has set momentum to 0);
 * in inference form they are inputs, and x̄ = ȳ·γ·r.
 */
export const batchNormalization: Vjp = s => {
  const { m } = s
  const [x, scale, g] = [s.input(0), s.input(1), s.grad()]
  const training = intAttribute(s.node, 'training_mode', 0) !== 0
  const epsilon = floatAttribute(s.node, 'epsilon', 1e-5)
  const mean = training ? s.output(1) : s.input(3)
  const r = inverseDeviation(m, training ? s.output(2) : s.input(4), epsilon)
  const gain = m.mul(scale, r)
  const centred = m.sub(x, channel(m, mean, x))
  const wanted = training || s.needs(1) || s.needs(4)
  const bias = training || s.needs(2) || s.needs(3) ? sumExcept(s, g, 1) : undefined
  const slope = wanted ? m.mul(sumExcept(s, m.mul(g, centred), 1), r) : undefined
  let data = m.mul(g, channel(m, gain, x))
  if (training && bias && slope) {
    const n = m.count(x, [0, ...x.shape.slice(2).map((_, i) => i + 2)], x.type)
    const offset = m.neg(m.div(m.mul(gain, bias), n))
    const tilt = m.neg(m.div(m.mul(m.mul(gain, r), slope), n))
    data = m.add(data, m.affine(centred, tilt, offset))
  }
  // Frozen statistics: μ̄ = −γ·r·Σȳ, σ̄² = −½·γ·r²·Σ ȳ·x̂
  return [
    s.needs(0) ? data : undefined,
    slope,
    bias,
    s.needs(3) && bias && !training ? m.neg(m.mul(gain, bias)) : undefined,
    s.needs(4) && slope && !training ? m.mul(m.mul(m.mul(gain, r), slope), -0.5) : undefined,
  ]
}

/** Training form (momentum 0) in elementary operators: y, and mean and variance of the batch. */
export function composedBatchNormalization(s: Site): [Value, Value, Value] {
  const { m } = s
  const [x, scale, bias] = [s.input(0), s.input(1), s.input(2)]
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]))
  const mean = m.reduce('ReduceMean', x, axes, false)
  const centred = m.sub(x, channel(m, mean, x))
  const variance = m.reduce('ReduceMean', m.square(centred), axes, false)
  const gain = m.mul(scale, inverseDeviation(m, variance, floatAttribute(s.node, 'epsilon', 1e-5)))
  return [m.add(m.mul(centred, channel(m, gain, x)), channel(m, bias, x)), mean, variance]
}

/** Sums over the axes before `axis`, shaped as the parameter `like`. */
function overLeading(m: Builder, v: Value, axis: number, like: Value): Value {
  return m.reshapeLike(m.sum(v, [...Array(axis).keys()], false), like)
}

/** Statistics over the axes from `axis` on; the node tells mean (centred only) and r as further outputs. */
function layer(centred: boolean): Vjp {
  return s => {
    const { m } = s
    const [x, scale, g] = [s.input(0), s.input(1), s.grad()]
    const axis = axisOf(intAttribute(s.node, 'axis', -1), x)
    const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []))
    const r = s.output(centred ? 2 : 1)
    const unit = m.mul(centred ? m.sub(x, s.output(1)) : x, r)
    return [
      s.needs(0) ? throughStatistics(m, m.mul(g, scale), unit, r, axes, centred) : undefined,
      s.needs(1) ? overLeading(m, m.mul(g, unit), axis, scale) : undefined,
      centred && s.needs(2) ? overLeading(m, g, axis, s.input(2)) : undefined,
    ]
  }
}

/** r·(h − mean(h) − x̂·mean(h·x̂)), without mean(h) where x was not centred. */
function throughStatistics(
  m: Builder,
  h: Value,
  unit: Value,
  r: Value,
  axes: readonly number[],
  centred: boolean,
): Value {
  const along = m.mul(unit, m.reduce('ReduceMean', m.mul(h, unit), axes))
  const rest = centred ? m.sub(h, m.add(along, m.reduce('ReduceMean', h, axes))) : m.sub(h, along)
  return m.mul(rest, r)
}

export const layerNormalization = layer(true)

/** Statistics over each channel of each sample. */
export const instanceNormalization: Vjp = s => {
  const { m } = s
  const [x, scale, g] = [s.input(0), s.input(1), s.grad()]
  const axes = x.shape.flatMap((_, i) => (i >= 2 ? [i] : []))
  const centred = m.sub(x, m.reduce('ReduceMean', x, axes))
  const variance = m.reduce('ReduceMean', m.square(centred), axes)
  const r = inverseDeviation(m, variance, floatAttribute(s.node, 'epsilon', 1e-5))
  const unit = m.mul(centred, r)
  const h = m.mul(g, channel(m, scale, x))
  return [
    s.needs(0) ? throughStatistics(m, h, unit, r, axes, true) : undefined,
    s.needs(1) ? sumExcept(s, m.mul(g, unit), 1) : undefined,
    s.needs(2) ? sumExcept(s, g, 1) : undefined,
  ]
}

/** y = x·r·γ, r = 1/√(mean(x²) + ε): as layer normalization without μ. */
export const rmsNormalization: Vjp = s => {
  const { m } = s
  const [x, scale, g] = [s.input(0), s.input(1), s.grad()]
  const axis = axisOf(intAttribute(s.node, 'axis', -1), x)
  const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []))
  const square = m.reduce('ReduceMean', m.square(x), axes)
  const r = inverseDeviation(m, square, floatAttribute(s.node, 'epsilon', 1e-5))
  const unit = m.mul(x, r)
  return [
    s.needs(0) ? throughStatistics(m, m.mul(g, scale), unit, r, axes, false) : undefined,
    s.needs(1) ? overLeading(m, m.mul(g, unit), axis, scale) : undefined,
  ]
}

/** y = x/n, n = ‖x‖ₚ along the axis, p = 1 or 2: x̄ = (ȳ − s·Σ ȳ·y)/n, s = sign x or y; 0 where n = 0. */
export const lpNormalization: Vjp = s => {
  const { m } = s
  const [x, y, g] = [s.input(0), s.output(), s.grad()]
  const first = intAttribute(s.node, 'p', 2) === 1
  const axes = [axisOf(intAttribute(s.node, 'axis', -1), x)]
  const n = m.reduce(first ? 'ReduceL1' : 'ReduceL2', x, axes)
  const isZero = m.equal(n, 0)
  const along = m.mul(first ? m.unary('Sign', x) : y, m.sum(m.mul(g, y), axes))
  return [m.mul(m.sub(g, along), m.where(isZero, 0, m.div(1, m.where(isZero, 1, n))))]
}

/**
 * y = x·d^(−β), d = k + α/n·W(x²), W the sum over n neighbouring channels (Krizhevsky et al. 2012):
 *   x̄ = ȳ·d^(−β) − 2αβ/n·x·Wᵀ(ȳ·y/d)
 */
export const localResponse: Vjp = s => {
  const { m } = s
  const [x, y, g] = [s.input(0), s.output(), s.grad()]
  const size = intAttribute(s.node, 'size', 1)
  const [alpha, beta] = [floatAttribute(s.node, 'alpha', 1e-4), floatAttribute(s.node, 'beta', 0.75)]
  const [lead, rest] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)]
  const scaled = m.mul(sumOfChannels(m, m.square(x), size, lead, rest), alpha / size)
  const d = m.add(scaled, floatAttribute(s.node, 'bias', 1))
  const back = sumOfChannels(m, m.div(m.mul(g, y), d), size, rest, lead)
  const direct = m.mul(g, m.pow(d, -beta))
  return [m.sub(direct, m.mul(m.mul(x, back), (2 * alpha * beta) / size))]
}

/** Sums of the channels from `before` in front to `after` behind: an average over windows of [N, 1, C, …], times n. */
function sumOfChannels(m: Builder, x: Value, size: number, before: number, after: number): Value {
  const channels = x.shape[1] ?? ''
  const flat = m.reshape(x, [
    { of: x, axis: 0 },
    1,
    typeof channels === 'number' ? channels : { of: x, axis: 1 },
    -1,
  ])
  const attributes = {
    kernel_shape: [BigInt(size), 1n],
    pads: [BigInt(before), 0n, BigInt(after), 0n],
    count_include_pad: 1n,
  }
  const mean = m.emit('AveragePool', [flat], flat.shape, { attributes })
  return m.mul(m.reshapeLike(mean, x), size)
}
