/**
 * Losses of a student's logits x against its teacher's t (response-based distillation), each a mean over the samples.
 * Classes lie on the last axis; a single logit, or logits of independent labels, are Bernoulli variables.
 */
import type { ResponseLoss } from '../../../shared/training'
import { oneHot } from '../../autodiff/losses-hard'
import { divergence, logSoftmax, mean, squaredGap } from '../../autodiff/losses-terms'
import type { Builder, Value } from '../../operators/builder'

/** Adds the loss. `labels` (class indices, or probabilities) are for dkd. */
export function responseLoss(
  m: Builder,
  loss: ResponseLoss,
  { x, t, labels, binary }: { x: Value; t: Value; labels: Value | undefined; binary: boolean },
): Value {
  if (loss.kind === 'logits-mse') return mean(m, squaredGap(m, x, t))
  if (loss.kind === 'dkd' && labels) return decoupled(m, loss, x, t, labels)
  const soften = (v: Value) => m.div(v, loss.temperature)
  const gap = binary
    ? bernoulli(m, soften(t), soften(x))
    : divergence(m, logSoftmax(m, soften(t)), logSoftmax(m, soften(x)))
  return m.mul(mean(m, gap), loss.temperature * loss.temperature)
}

/**
 * KL(σ(t) ‖ σ(x)) element by element, p = σ(t), as log σ(z) = −softplus(−z):
 *   p·(softplus(−x) − softplus(−t)) + (1 − p)·(softplus(x) − softplus(t))
 */
function bernoulli(m: Builder, t: Value, x: Value): Value {
  const softplus = (v: Value) => m.unary('Softplus', v)
  const p = m.unary('Sigmoid', t)
  const yes = m.sub(softplus(m.neg(x)), softplus(m.neg(t)))
  const no = m.sub(softplus(x), softplus(t))
  return m.add(m.mul(p, yes), m.mul(m.sub(1, p), no))
}

/**
 * Zhao et al. 2022, "Decoupled Knowledge Distillation" (arXiv 2203.08679): T²·(α·TCKD + β·NCKD) with
 *   TCKD = KL([p_y, 1 − p_y] of the teacher ‖ of the student),  NCKD = KL of the softmax over the other classes.
 * All in logarithms: log(1 − p_y) is the log-sum-exp of the others' log-probabilities. Labels that are shares of several
 * classes count as the largest of them.
 */
function decoupled(
  m: Builder,
  { temperature, alpha, beta }: { temperature: number; alpha: number; beta: number },
  x: Value,
  t: Value,
  labels: Value,
): Value {
  const y = oneHot(m, labels.type === 'int64' ? labels : largest(m, labels), x)
  const [student, teacher] = [x, t].map(v => split(m, m.div(v, temperature), y)) as [Split, Split] // one for each
  const target = m.add(
    m.mul(m.unary('Exp', teacher.hit), m.sub(teacher.hit, student.hit)),
    m.mul(m.unary('Exp', teacher.miss), m.sub(teacher.miss, student.miss)),
  )
  const others = divergence(m, teacher.others, student.others)
  const scale = temperature * temperature
  return m.add(m.mul(mean(m, target), alpha * scale), m.mul(mean(m, others), beta * scale))
}

interface Split {
  /** log p_y and log(1 − p_y), […, 1] */
  hit: Value
  miss: Value
  /** Log-softmax over the other classes; −1e9 or so at y, where its probability is zero. */
  others: Value
}

function split(m: Builder, z: Value, y: Value): Split {
  const last = z.shape.length - 1
  const log = logSoftmax(m, z)
  const hidden = m.mul(y, -1e9)
  return {
    hit: m.sum(m.mul(log, y), [last]),
    miss: m.reduce('ReduceLogSumExp', m.add(log, hidden), [last]),
    others: logSoftmax(m, m.add(z, hidden)),
  }
}

function largest(m: Builder, shares: Value): Value {
  const axis = BigInt(shares.shape.length - 1)
  return m.emit('ArgMax', [shares], shares.shape.slice(0, -1), {
    type: 'int64',
    attributes: { axis, keepdims: 0n },
  })
}
