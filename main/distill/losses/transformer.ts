/** Losses of the attention of a student against its teacher's, each a mean over the samples. */
import { divergence, logSoftmax, mean, squaredGap } from '../../autodiff/losses-terms'
import type { Builder, Value } from '../../operators/builder'

/** Scores at or below this were masked out. */
const MASKED = -100

/**
 * Jiao et al. 2020, "TinyBERT" (arXiv 1909.10351): mean (A_x − A_t)² over heads and places, A the scores of attention
 * before or after the softmax, [N, heads, L, L]. Where the numbers of heads differ, the means over the heads are
 * compared. Masked scores count as zero, as in the authors' program: an infinite one would give NaN.
 */
export function attentionMatrix(m: Builder, x: Value, t: Value): Value {
  const seen = (v: Value) => m.where(m.greater(v, MASKED), v, 0)
  const [a, b] = [seen(x), seen(t)]
  if (x.shape.length < 4 || x.shape[1] === t.shape[1]) return mean(m, squaredGap(m, a, b))
  const overHeads = (v: Value) => m.reduce('ReduceMean', v, [1], false)
  return mean(m, squaredGap(m, overHeads(a), overHeads(b)))
}

/**
 * Wang et al. 2020, "MiniLM" (arXiv 2002.10957): KL(R_t ‖ R_x), R = softmax(V·Vᵀ/√d) for each head, mean over samples,
 * heads and places. V is [N, heads, L, d] or [N, L, C]; the channels of both are regrouped into as many heads
 * (MiniLMv2, arXiv 2012.15828), so that the widths may differ.
 */
export function valueRelation(m: Builder, x: Value, t: Value): Value {
  const heads = relationHeads(x.shape, t.shape)
  const relation = (v: Value) => {
    const grouped = regroup(m, v, heads)
    const width = Number(grouped.shape[3])
    return logSoftmax(m, m.mul(m.matmul(grouped, m.transposed(grouped)), 1 / Math.sqrt(width)))
  }
  return mean(m, divergence(m, relation(t), relation(x)))
}

/** Channels of a value: the last axis, times the heads. */
export function valueWidth(shape: Value['shape']): number {
  return shape.length === 4 ? Number(shape[1]) * Number(shape[3]) : Number(shape.at(-1))
}

/** The largest number of heads, up to the larger count of either (12 where no count is known), that divides both. */
export function relationHeads(x: Value['shape'], t: Value['shape']): number {
  const counts = [x, t].flatMap(shape => (shape.length === 4 ? [Number(shape[1])] : []))
  const [a, b] = [valueWidth(x), valueWidth(t)]
  for (let heads = counts.length > 0 ? Math.max(...counts) : 12; heads > 1; heads--)
    if (a % heads === 0 && b % heads === 0) return heads
  return 1
}

/** [N, heads, L, d] or [N, L, C] → [N, heads′, L, d′] */
function regroup(m: Builder, v: Value, heads: number): Value {
  if (v.shape.length === 4 && v.shape[1] === heads) return v
  const [batch, length] = [0, v.shape.length === 4 ? 2 : 1]
  const width = valueWidth(v.shape)
  const flat = v.shape.length === 4 ? m.transpose(v, [0, 2, 1, 3]) : v
  const parts = m.reshape(flat, [{ of: v, axis: batch }, { of: v, axis: length }, heads, width / heads])
  return m.transpose(parts, [0, 2, 1, 3])
}
