/** What the optimizer of ONNX Runtime fuses, taken apart again; and operators that are a few simpler ones. */
import { attribute, floatAttribute, intAttribute, stringAttribute } from '../../onnx/build'
import { type Builder, staticShape, type Value } from '../../operators/builder'
import { Declined, type Expansion, type Place } from './expansion'

/** Y = α·A′·B′; with transBatch the batch axes of a matrix come after its first one. */
export const fusedMatMul: Expansion = p => {
  const { m } = p
  const side = (index: number, which: 'A' | 'B') => {
    const x = p.input(index)
    const rank = x.shape.length
    const order = [...x.shape.keys()]
    const flag = (name: string) => intAttribute(p.node, `${name}${which}`, 0) !== 0
    // [i, batch…, j] → [batch…, i, j]
    const moved = flag('transBatch') ? m.transpose(x, [...order.slice(1, -1), 0, rank - 1]) : x
    return flag('trans') && rank > 1 ? m.transposed(moved) : moved
  }
  const y = p.output()
  const product = m.emit('MatMul', [side(0, 'A'), side(1, 'B')], y.shape)
  return [m.mul(product, floatAttribute(p.node, 'alpha', 1))]
}

/** The activation a fused node ends with: its parameters are those of the activation's own attributes. */
function activated(m: Builder, x: Value, name: string, parameters: readonly number[]): Value {
  const [a, b] = parameters
  switch (name) {
    case '':
      return x
    case 'Relu':
    case 'Sigmoid':
    case 'Tanh':
    case 'HardSwish':
      return m.unary(name, x)
    case 'LeakyRelu':
      return m.unary(name, x, a === undefined ? {} : { alpha: a })
    case 'HardSigmoid':
      return m.unary(name, x, {
        ...(a === undefined ? {} : { alpha: a }),
        ...(b === undefined ? {} : { beta: b }),
      })
    case 'Clip':
      return m.emit('Clip', [x, m.scalar(a ?? -3.4e38, x.type), m.scalar(b ?? 3.4e38, x.type)], x.shape)
    default:
      throw new Declined(`Its activation ${name} has no gradient here.`)
  }
}

function attributesExcept(p: Place, pattern: RegExp) {
  return p.node.attribute.filter(a => !pattern.test(a.name))
}

/** Gemm, then an activation. */
export const fusedGemm: Expansion = p => {
  const { m, node } = p
  const inputs = [0, 1, ...(p.has(2) ? [2] : [])].map(p.input)
  const y = m.emit('Gemm', inputs, p.output().shape)
  m.setAttributes(y, attributesExcept(p, /^activation/))
  const parameters = ['activation_alpha', 'activation_beta', 'activation_gamma'].flatMap(name => {
    const found = attribute(node, name)
    return found ? [found.f] : []
  })
  return [activated(m, y, stringAttribute(node, 'activation', ''), parameters)]
}

/** Conv, plus a further value of the shape of y, then an activation. */
export const fusedConv: Expansion = p => {
  const { m, node } = p
  const y = m.emit('Conv', [0, 1, ...(p.has(2) ? [2] : [])].map(p.input), p.output().shape)
  m.setAttributes(y, attributesExcept(p, /^activation/))
  const sum = p.has(3) ? m.add(y, p.input(3)) : y
  const parameters = attribute(node, 'activation_params')?.floats ?? []
  return [activated(m, sum, stringAttribute(node, 'activation', ''), parameters)]
}

/** Centred cropping and padding with zeros: the odd element is cut off, or added, at the end. */
export const centerCropPad: Expansion = p => {
  const [from, to] = [staticShape(p.input(0).shape), staticShape(p.output().shape)]
  if (!from || !to) throw new Declined('Its sizes are not fixed: give the inputs of the model fixed sizes.')
  const difference = to.map((n, i) => n - (from[i] ?? 0))
  const before = difference.map(d => Math.trunc(d / 2))
  const after = difference.map((d, i) => d - (before[i] ?? 0))
  return [p.m.pad(p.input(0), before, after)]
}
