/**
 * Gradient of Resize. Interpolation is linear and works axis by axis: y = x·P along each, and P is what the
 * same node makes of the unit matrix. So x̄ = ȳ·Pᵀ, whatever the mode, the coordinates and the edges are, and P is as
 * exact as the kernel; ONNX Runtime computes it once, when the session is created.
 */
import { attribute, floatAttribute, intAttribute, stringAttribute } from '../onnx/build'
import { axisOf } from './activation-gradient'
import type { Value } from './builder'
import type { Site, Vjp } from './gradient'
import { computed } from './reduction-gradient'

export const resize: Vjp = s => {
  if (stringAttribute(s.node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize')
    throw computed(s, 'region (tf_crop_and_resize)')
  if (stringAttribute(s.node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    throw computed(s, 'aspect ratio (keep_aspect_ratio_policy)')
  const x = s.input(0)
  let g = s.grad()
  // The last axis first: it is the cheapest, and the result is small where y was made larger.
  for (const axis of [...x.shape.keys()].reverse()) {
    if (isKept(s, axis)) continue
    const factor = repeats(s, axis)
    g = factor ? blocks(s, g, axis, factor) : s.m.alongAxis(g, matrix(s, axis), axis)
  }
  return [g]
}

/** Position of an axis among the scales or sizes; -1 when it is not resized. */
function place(s: Site, axis: number): number {
  const axes = attribute(s.node, 'axes')?.ints.map(a => axisOf(Number(a), s.input(0)))
  return axes ? axes.indexOf(axis) : axis
}

function isKept(s: Site, axis: number): boolean {
  const at = place(s, axis)
  if (at < 0) return true
  const scales = scalesOf(s)
  if (scales) return scales[at] === 1
  const [from, to] = [s.input(0).shape[axis], s.output().shape[axis]]
  return from === to && from !== ''
}

/** The scales, when they are given and constant. */
function scalesOf(s: Site): number[] | undefined {
  const scales = s.has(2) ? s.constant(2) : undefined
  return scales && scales.length > 0 ? scales : undefined
}

/** The whole number of times each element is repeated by nearest neighbours, where that is what happens. */
function repeats(s: Site, axis: number): number | undefined {
  const [from, to] = [s.input(0).shape[axis], s.output().shape[axis]]
  if (stringAttribute(s.node, 'mode', 'nearest') !== 'nearest') return undefined
  if (typeof from !== 'number' || typeof to !== 'number' || to % from !== 0) return undefined
  const scale = scalesOf(s)?.[place(s, axis)]
  if (scale !== undefined && scale !== to / from) return undefined
  const coordinates = stringAttribute(s.node, 'coordinate_transformation_mode', 'half_pixel')
  const rounding = stringAttribute(s.node, 'nearest_mode', 'round_prefer_floor')
  const floors = coordinates === 'asymmetric' && rounding === 'floor'
  const rounds = coordinates === 'half_pixel' && rounding.startsWith('round')
  return floors || rounds ? to / from : undefined
}

/** Sums over blocks of neighbours. */
function blocks(s: Site, g: Value, axis: number, factor: number): Value {
  const dims = g.shape.flatMap((d, a) => {
    if (a === axis) return [Number(s.input(0).shape[axis]), factor]
    return [typeof d === 'number' ? d : { of: g, axis: a }]
  })
  return s.m.sum(s.m.reshape(g, dims), [axis + 1], false)
}

/** P [1, 1, n, k] of an axis that goes from n to k elements. */
function matrix(s: Site, axis: number): Value {
  const { m } = s
  const unit = m.identity(s.input(0), axis)
  const at = place(s, axis)
  const [from, to] = [s.input(0).shape[axis] ?? '', s.output().shape[axis] ?? '']
  const shape = [1, 1, from, to]
  const attributes = sameAttributes(s)
  if (s.has(2) && s.constant(2)?.length !== 0) {
    const scale = m.emit('Gather', [s.input(2), m.ints([at])], [1])
    const scales = m.concat([m.constant('float32', [3], [1, 1, 1]), scale], 0, [4])
    return m.emit('Resize', [unit, undefined, scales], shape, { attributes })
  }
  const size = m.emit('Gather', [s.input(3), m.ints([at])], [1])
  const sizes = m.concat([m.ints([1, 1]), m.dimOf(s.input(0), axis), size], 0, [4])
  return m.emit('Resize', [unit, undefined, undefined, sizes], shape, { attributes })
}

/** How the node interpolates, whatever the axis. */
function sameAttributes(s: Site): Record<string, string | number | bigint> {
  const attributes: Record<string, string | number | bigint> = {}
  for (const name of ['coordinate_transformation_mode', 'mode', 'nearest_mode'])
    if (attribute(s.node, name)) attributes[name] = stringAttribute(s.node, name, '')
  for (const name of ['antialias', 'exclude_outside'])
    if (attribute(s.node, name)) attributes[name] = BigInt(intAttribute(s.node, name, 0))
  if (attribute(s.node, 'cubic_coeff_a'))
    attributes.cubic_coeff_a = floatAttribute(s.node, 'cubic_coeff_a', 0)
  return attributes
}
