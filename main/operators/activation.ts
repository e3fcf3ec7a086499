/** Activations and other functions of one element. σ is the logistic function. Where a function bends, the slope is 0. */
import { floatAttribute as real } from '../onnx/build'
import * as rules from './activation-gradient'
import { elementwise, FUSED, NO_KERNEL, pullback, QUANTIZED } from './gradient'
import type { ActivationOp } from './names'
import { free, type OpRow, row } from './row'

const { split, step } = rules

export const activation = {
  // f′ = 1 for x > 0, exp(x/α) elsewhere
  Celu: row(
    free,
    elementwise((m, x, _, n) => split(m, x, 1, m.unary('Exp', m.div(x, real(n, 'alpha', 1))))),
  ),
  Clip: row(free, rules.clip),
  // f′ = 1 for x > 0, y + α elsewhere
  Elu: row(
    free,
    elementwise((m, x, y, n) => split(m, x, 1, m.add(y, real(n, 'alpha', 1)))),
  ),
  Gelu: row(free, rules.gelu),
  HardSigmoid: row(free, rules.hardSigmoid),
  HardSwish: row(free, rules.hardSwish),
  Hardmax: row(free, 'zero'),
  LeakyRelu: row(
    free,
    elementwise((m, x, _, n) => split(m, x, 1, real(n, 'alpha', 0.01))),
  ),
  LogSoftmax: row(free, rules.logSoftmax),
  Mish: row(free, rules.mish),
  PRelu: row(free, rules.prelu),
  // y > 0 exactly where x > 0, and y is at hand for the next operator anyway
  Relu: row(
    free,
    pullback((m, g, _, y) => m.mul(g, m.above(y, 0))),
  ),
  // f′ = γ for x > 0, y + γα elsewhere
  Selu: row(
    free,
    elementwise((m, x, y, n) => {
      const gamma = real(n, 'gamma', 1.0507009873554805)
      return split(m, x, gamma, m.add(y, gamma * real(n, 'alpha', 1.6732632423543772)))
    }),
  ),
  // f′ = 1 outside [−λ, λ]
  Shrink: row(
    free,
    elementwise((m, x, _, n) => m.above(m.sub(m.unary('Abs', x), real(n, 'lambd', 0.5)), 0)),
  ),
  Sigmoid: row(
    free,
    elementwise((m, _, y) => m.mul(y, m.sub(1, y))),
  ),
  Softmax: row(free, rules.softmax),
  Softplus: row(
    free,
    elementwise((m, x) => m.unary('Sigmoid', x)),
  ),
  // f′ = 1/(1 + |x|)²
  Softsign: row(
    free,
    elementwise((m, x) => m.unary('Reciprocal', m.square(m.add(m.unary('Abs', x), 1)))),
  ),
  SwiGLU: row(free, NO_KERNEL),
  Swish: row(free, rules.swish(1)),
  Tanh: row(
    free,
    elementwise((m, _, y) => m.sub(1, m.square(y))),
  ),
  ThresholdedRelu: row(
    free,
    step(read => read('alpha', 1)),
  ),
  'com.microsoft:BiasGelu': row(free, rules.biasGelu(false)),
  'com.microsoft:BiasSoftmax': row(free, NO_KERNEL),
  'com.microsoft:BiasSplitGelu': row(free, NO_KERNEL),
  'com.microsoft:FastGelu': row(free, rules.biasGelu(true)),
  'com.microsoft:Gelu': row(free, rules.gelu),
  'com.microsoft:QuickGelu': row(free, rules.swish(1.702)),
  'com.microsoft:ScaledSiLU': row(free, FUSED),
  'com.microsoft:SwiGLU': row(free, NO_KERNEL),
  'com.microsoft:QOrderedGelu': row(free, QUANTIZED),
} satisfies Record<ActivationOp, OpRow>
