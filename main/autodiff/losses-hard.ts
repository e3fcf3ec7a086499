/**
 * Losses of a model's output x against labels or targets, each a mean over the samples (and over what a sample holds
 * several of: pixels, tokens, numbers).
 */
import type { HardLoss } from '../../shared/training'
import type { Builder, Value } from '../operators/builder'
import { huberOf, logSoftmax, mean, squaredGap } from './losses-terms'

/** Adds the loss; t is the target. Classes lie on the last axis. */
export function hardLoss(m: Builder, loss: HardLoss, x: Value, t: Value): Value {
  switch (loss.kind) {
    case 'cross-entropy':
      return crossEntropy(m, x, t, loss.smoothing, loss.classWeights)
    case 'binary-cross-entropy':
      return binaryCrossEntropy(m, x, t)
    case 'mse':
      return mean(m, squaredGap(m, x, t))
    case 'huber':
      return huber(m, x, t, loss.delta)
  }
}

/**
 * −Σ_c w_c·q_c·log softmax(x)_c for logits x […, C], with q = (1 − ε)·y + ε/C. y is a class index […] (int64), or
 * probabilities […, C] as mixup makes them. Label smoothing: Szegedy et al. 2016, "Rethinking the Inception
 * Architecture" (arXiv 1512.00567). With class weights w the mean is still over the samples, not over their weights, so
 * that the parts of an accumulated batch add up.
 */
function crossEntropy(m: Builder, x: Value, t: Value, smoothing: number, weights?: number[]): Value {
  const log = logSoftmax(m, x)
  if (t.type === 'int64' && !weights) return indexed(m, log, t, smoothing)
  const y = t.type === 'int64' ? oneHot(m, t, x) : m.cast(t, x.type)
  const classes = Number(x.shape.at(-1))
  const q = smoothing === 0 ? y : m.add(m.mul(y, 1 - smoothing), smoothing / classes)
  const weighted = weights ? m.mul(q, m.constant(x.type, [weights.length], weights)) : q
  return m.neg(mean(m, m.sum(m.mul(weighted, log), [x.shape.length - 1], false)))
}

/** −(1 − ε)·log p at the label − ε·mean over classes of log p */
function indexed(m: Builder, log: Value, labels: Value, smoothing: number): Value {
  const at = m.emit('Unsqueeze', [labels, m.ints([-1])], [...labels.shape, 1])
  const axis = BigInt(log.shape.length - 1)
  const picked = m.emit('GatherElements', [log, at], at.shape, { type: log.type, attributes: { axis } })
  const hard = m.mul(mean(m, picked), smoothing - 1)
  return smoothing === 0 ? hard : m.sub(hard, m.mul(mean(m, log), smoothing))
}

/** Class indices […] as rows of zeros and a one, […, C], in the type of x. C must be a number. */
export function oneHot(m: Builder, labels: Value, x: Value): Value {
  const classes = m.ints([...Array(Number(x.shape.at(-1))).keys()])
  const at = m.emit('Unsqueeze', [labels, m.ints([-1])], [...labels.shape, 1])
  const hit = m.equal(at, classes)
  return m.cast({ ...hit, shape: x.shape }, x.type)
}

/** softplus(x) − t·x: the negative log-likelihood of independent labels t in [0, 1] (Bishop 2006, section 4.3.2). */
function binaryCrossEntropy(m: Builder, x: Value, t: Value): Value {
  return mean(m, m.sub(m.unary('Softplus', x), m.mul(t, x)))
}

/** r²/2 for r = |x − t| ≤ δ, δ·(r − δ/2) beyond (Huber 1964, "Robust Estimation of a Location Parameter"). */
function huber(m: Builder, x: Value, t: Value, delta: number): Value {
  return mean(m, huberOf(m, m.unary('Abs', m.sub(x, t)), delta))
}
