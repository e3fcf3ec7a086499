/** Reductions and selections over axes. Formulas give x̄, with g = ȳ broadcast along the reduced axes. */
import { QUANTIZED } from './gradient'
import type { ReductionOp } from './names'
import { extreme, norm, reduction as over, prod } from './reduction-gradient'
import { free, type OpRow, row } from './row'

const zero = row(free, 'zero')

export const reduction = {
  ArgMax: zero,
  ArgMin: zero,
  // g·sign x
  ReduceL1: row(
    free,
    over(({ m, x, g }) => m.mul(m.unary('Sign', x), g)),
  ),
  ReduceL2: row(free, norm),
  // y = ln Σx: g/exp(y)
  ReduceLogSum: row(
    free,
    over(({ m, g, y }) => m.div(g, m.unary('Exp', y))),
  ),
  // g·exp(x − y)
  ReduceLogSumExp: row(
    free,
    over(({ m, x, g, y }) => m.mul(m.unary('Exp', m.sub(x, y)), g)),
  ),
  ReduceMax: row(free, extreme),
  // g/n
  ReduceMean: row(
    free,
    over(({ m, x, g, axes }) => m.div(g, m.count(x, axes, x.type))),
  ),
  ReduceMin: row(free, extreme),
  ReduceProd: row(free, prod),
  ReduceSum: row(
    free,
    over(({ g }) => g),
  ),
  // 2·g·x
  ReduceSumSquare: row(
    free,
    over(({ m, x, g }) => m.mul(x, m.mul(g, 2))),
  ),
  NonMaxSuppression: zero,
  'com.microsoft:QLinearReduceMean': row(free, QUANTIZED),
  'com.microsoft:ReduceSumInteger': row(free, QUANTIZED),
} satisfies Record<ReductionOp, OpRow>
