/** Losses of how the samples of a batch lie to each other; widths may differ. N is the batch, x and t are [N, …]. */
import { huberOf, mean, rows, squaredGap, unitRows } from '../../autodiff/losses-terms'
import type { Builder, Value } from '../../operators/builder'

/** Keeps roots away from zero; samples have a mean square length of 1 by then (see `scaled`). */
const TINY = 1e-6

/**
 * Tung and Mori 2019, "Similarity-Preserving Knowledge Distillation" (arXiv 1907.09682): ‖G̃_t − G̃_x‖²/N², G̃ the Gram
 * matrix x·xᵀ with rows of length one. Zero also for a student that is its teacher scaled. A sample of (nearly) zeros
 * gives a row of (nearly) zeros: its gradient is at most some 1/√TINY of the others'.
 */
export function similarity(m: Builder, x: Value, t: Value): Value {
  const similar = (v: Value) => unitRows(m, gram(m, scaled(m, rows(m, v))), Math.sqrt(TINY))
  return mean(m, squaredGap(m, similar(x), similar(t)))
}

/**
 * Park et al. 2019, "Relational Knowledge Distillation" (arXiv 1904.05068): distances between pairs of samples, divided
 * by their mean, and cosines of the angles of triplets, each compared by Huber's function (δ = 1) and averaged over the
 * pairs and triplets; the angle counts twice the distance, as in the paper. Zero also for a student that is its teacher
 * moved, turned or scaled. Distances come from the Gram matrix, so that memory is N³, not N²·D; samples that coincide
 * have distance √TINY, not 0, whose root would have an infinite slope, and no angle is taken at one sample with itself.
 */
export function relational(m: Builder, x: Value, t: Value): Value {
  const [gx, gt] = [x, t].map(v => gram(m, scaled(m, centred(m, rows(m, v))))) as [Value, Value] // one for each
  // Ones off the diagonal: of the teacher's, on which no gradient is taken.
  const apart = m.sub(1, m.unary('EyeLike', gt))
  const [dx, dt] = [distances(m, gx), distances(m, gt)]
  const gap = (a: Value, b: Value) => mean(m, huberOf(m, m.unary('Abs', m.sub(a, b)), 1))
  const distance = gap(relative(m, dx, apart), relative(m, dt, apart))
  const angle = gap(cosines(m, gx, dx, apart), cosines(m, gt, dt, apart))
  return m.add(distance, m.mul(angle, 2))
}

function gram(m: Builder, x: Value): Value {
  return m.matmul(x, m.transposed(x))
}

/** Moved so that the batch has mean 0: distances and angles stay, and keep their digits. */
function centred(m: Builder, x: Value): Value {
  return m.sub(x, m.reduce('ReduceMean', x, [0]))
}

/** Scaled to a mean square length of 1, to which neither loss owes anything. */
function scaled(m: Builder, x: Value): Value {
  const length = m.reduce('ReduceMean', m.sum(m.square(x), [1]), [0])
  return m.div(x, m.unary('Sqrt', m.add(length, 1e-24)))
}

/** √(max(|xᵢ|² + |xⱼ|² − 2·xᵢ·xⱼ, 0) + TINY), [N, N] */
function distances(m: Builder, g: Value): Value {
  const own = m.sum(m.mul(g, m.unary('EyeLike', g)), [1])
  const squares = m.sub(m.add(own, m.transposed(own)), m.mul(g, 2))
  return m.unary('Sqrt', m.add(m.unary('Relu', squares), TINY))
}

/** Distances by their mean over pairs of different samples; 0 on the diagonal. */
function relative(m: Builder, d: Value, apart: Value): Value {
  const off = m.mul(d, apart)
  const pairs = m.add(m.reduce('ReduceSum', apart, [0, 1]), TINY)
  return m.div(off, m.add(m.div(m.reduce('ReduceSum', off, [0, 1]), pairs), TINY))
}

/** cos ∠(i, j, k) = ⟨xᵢ − xⱼ, x_k − xⱼ⟩ / (d_ij·d_kj) = (G_ik − G_ij − G_kj + G_jj) / (d_ij·d_kj), [j, i, k] */
function cosines(m: Builder, g: Value, d: Value, apart: Value): Value {
  const [axis0, axis1, axis2] = [m.ints([0]), m.ints([1]), m.ints([2])]
  const n = g.shape[0] ?? ''
  const own = m.sum(m.mul(g, m.unary('EyeLike', g)), [1])
  // G and d are symmetric: [j, i, 1], [j, 1, k] and [1, i, k] are the same matrix, seen from three sides.
  const ji = (v: Value) => m.emit('Unsqueeze', [v, axis2], [n, n, 1])
  const jk = (v: Value) => m.emit('Unsqueeze', [v, axis1], [n, 1, n])
  const ik = m.emit('Unsqueeze', [g, axis0], [1, n, n])
  const jj = m.emit('Unsqueeze', [own, axis2], [n, 1, 1])
  const inner = m.sub(m.add(ik, jj), m.add(ji(g), jk(g)))
  const inverse = m.div(apart, d)
  return m.mul(m.mul(inner, ji(inverse)), jk(inverse))
}
