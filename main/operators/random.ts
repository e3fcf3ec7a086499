/** Random numbers and loss functions of training graphs. */
import { unsupported } from './gradient'
import type { RandomOp } from './names'
import { free, type OpRow, row } from './row'

export const random = {
  Bernoulli: row(free, 'zero'),
  Multinomial: row(free, 'zero'),
  NegativeLogLikelihoodLoss: row(free, unsupported('Build the loss with main/autodiff/losses.')),
  RandomNormal: row(free, 'zero'),
  RandomNormalLike: row(free, 'zero'),
  RandomUniform: row(free, 'zero'),
  RandomUniformLike: row(free, 'zero'),
  SoftmaxCrossEntropyLoss: row(free, unsupported('Build the loss with main/autodiff/losses.')),
} satisfies Record<RandomOp, OpRow>
