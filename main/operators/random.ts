/** Random numbers and loss functions of training graphs. */
import type { RandomOp } from './names'
import { free, type OpRow } from './row'

export const random = {
  Bernoulli: free,
  Multinomial: free,
  NegativeLogLikelihoodLoss: free,
  RandomNormal: free,
  RandomNormalLike: free,
  RandomUniform: free,
  RandomUniformLike: free,
  SoftmaxCrossEntropyLoss: free,
} satisfies Record<RandomOp, OpRow>
