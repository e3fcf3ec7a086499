/** Losses of a student's features x against its teacher's t, each a mean over the samples. */
import { mean, rows, squaredGap, unitRows } from '../../autodiff/losses-terms'
import type { Builder, Value } from '../../operators/builder'
import type { Layout } from '../tensors-layout'
import { sameSize } from './spatial'

/** Weights of a projector, student's channels to teacher's. */
export interface Projector {
  weight: Value
  bias: Value
}

/**
 * Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550): mean (r(x) − t)², r a learned projector
 * where the widths differ: a 1×1 convolution for feature maps [N, C, …], a linear map for […, C].
 */
export function hint(m: Builder, x: Value, t: Value, layout: Layout, projector?: Projector): Value {
  if (layout === 'last') return mean(m, squaredGap(m, projector ? linear(m, x, projector) : x, t))
  const [a, b] = sameSize(m, x, t, 2)
  return mean(m, squaredGap(m, projector ? convolution(m, a, projector) : a, b))
}

/** x·W + b, W [C, C′] */
function linear(m: Builder, x: Value, { weight, bias }: Projector): Value {
  return m.add(m.matmul(x, weight), bias)
}

/** W [C′, C, 1, …] */
function convolution(m: Builder, x: Value, { weight, bias }: Projector): Value {
  const shape = [x.shape[0] ?? '', weight.shape[0] ?? '', ...x.shape.slice(2)]
  const kernel = x.shape.slice(2).map(() => 1n)
  return m.emit('Conv', [x, weight, bias], shape, { attributes: { kernel_shape: kernel } })
}

/**
 * Zagoruyko and Komodakis 2017, "Paying More Attention to Attention" (arXiv 1612.03928), activation-based with p = 2:
 * ‖q(x)/‖q(x)‖ − q(t)/‖q(t)‖‖², q the sum of squares over the channels. Squared, so that it has a slope at zero, and
 * summed over the places: from 0 to 2, whatever the resolution. Channel counts are free. A map of zeros stays zero
 * (see `unitRows`); its gradient is zero, since that of q is.
 */
export function attention(m: Builder, x: Value, t: Value, layout: Layout): Value {
  const energy = (v: Value) => m.sum(m.square(v), [layout === 'map' ? 1 : v.shape.length - 1], false)
  const [p, q] = layout === 'map' ? sameSize(m, energy(x), energy(t), 1) : [energy(x), energy(t)]
  const gap = squaredGap(m, unitRows(m, rows(m, p)), unitRows(m, rows(m, q)))
  return mean(m, m.sum(gap, [1], false))
}
