/** Pooling by p-norms, y = (Σ |x|ᵖ)^(1/p), taken apart into powers and average pooling. */
import type { NodeProto } from 'onnx-buf'
import { type AttributeValue, attribute, intAttribute, intsAttribute } from '../../onnx/build'
import type { Builder, Value } from '../../operators/builder'
import { Declined, type Expansion } from './expansion'

/** Added under the root: where a window holds only zeros its slope is 0, not infinite. */
const TINY = 1e-20

function power(m: Builder, x: Value, p: number): Value {
  if (p === 1) return m.unary('Abs', x)
  return p === 2 ? m.square(x) : m.pow(m.unary('Abs', x), p)
}

function root(m: Builder, x: Value, p: number): Value {
  if (p === 1) return x
  const positive = m.add(x, TINY)
  return p === 2 ? m.unary('Sqrt', positive) : m.pow(positive, 1 / p)
}

/** The sum over a window is its average, padding counted, times its size. */
export const lpPool: Expansion = place => {
  const { m, node } = place
  const kernel = intsAttribute(node, 'kernel_shape') ?? []
  const p = intAttribute(node, 'p', 2)
  if (intAttribute(node, 'ceil_mode', 0) !== 0)
    throw new Declined('With ceil_mode its last windows are cut, which no average pooling counts alike.')
  const dilations = intsAttribute(node, 'dilations') ?? []
  if (m.opset < 19 && dilations.some(d => d !== 1))
    throw new Declined('Its windows are dilated, which average pooling has from operator set 19 on.')
  const attributes = { ...windowOf(node), count_include_pad: 1n }
  const mean = m.emit('AveragePool', [power(m, place.input(0), p)], place.output().shape, { attributes })
  return [
    root(
      m,
      m.mul(
        mean,
        kernel.reduce((all, k) => all * k, 1),
      ),
      p,
    ),
  ]
}

function windowOf(node: NodeProto): Record<string, AttributeValue> {
  const lists = ['kernel_shape', 'strides', 'pads', 'dilations'].flatMap(name => {
    const list = intsAttribute(node, name)
    const plain = name === 'dilations' && list?.every(d => d === 1)
    return list && !plain ? [[name, list.map(BigInt)] as const] : []
  })
  const auto = attribute(node, 'auto_pad')
  return { ...Object.fromEntries(lists), ...(auto ? { auto_pad: new TextDecoder().decode(auto.s) } : {}) }
}

/** Over all places of a channel. */
export const globalLpPool: Expansion = ({ m, node, input }) => {
  const p = intAttribute(node, 'p', 2)
  const x = input(0)
  const axes = x.shape.slice(2).map((_, i) => i + 2)
  return [root(m, m.sum(power(m, x, p), axes), p)]
}
