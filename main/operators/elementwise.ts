/** Element-wise arithmetic, comparison and logic. Formulas give f′, the factor of ȳ. */
import * as rules from './elementwise-gradient'
import { elementwise as each, FUSED, linear, pullback, QUANTIZED, unsupported } from './gradient'
import type { ElementwiseOp } from './names'
import { free, type OpRow, row } from './row'

const zero = row(free, 'zero')

export const elementwise = {
  // sign x, 0 at x = 0
  Abs: row(
    free,
    each((m, x) => m.unary('Sign', x)),
  ),
  // −1/√(1 − x²)
  Acos: row(
    free,
    each((m, x) => m.div(-1, m.unary('Sqrt', m.sub(1, m.square(x))))),
  ),
  // 1/√(x² − 1)
  Acosh: row(
    free,
    each((m, x) => m.div(1, m.unary('Sqrt', m.sub(m.square(x), 1)))),
  ),
  Add: row(free, s => [s.grad(), s.grad()]),
  And: zero,
  // 1/√(1 − x²)
  Asin: row(
    free,
    each((m, x) => m.div(1, m.unary('Sqrt', m.sub(1, m.square(x))))),
  ),
  // 1/√(x² + 1)
  Asinh: row(
    free,
    each((m, x) => m.div(1, m.unary('Sqrt', m.add(m.square(x), 1)))),
  ),
  // 1/(1 + x²)
  Atan: row(
    free,
    each((m, x) => m.div(1, m.add(m.square(x), 1))),
  ),
  // 1/(1 − x²)
  Atanh: row(
    free,
    each((m, x) => m.div(1, m.sub(1, m.square(x)))),
  ),
  BitShift: zero,
  BitwiseAnd: zero,
  BitwiseNot: zero,
  BitwiseOr: zero,
  BitwiseXor: zero,
  Ceil: zero,
  // −sin x
  Cos: row(
    free,
    each((m, x) => m.neg(m.unary('Sin', x))),
  ),
  Cosh: row(
    free,
    each((m, x) => m.unary('Sinh', x)),
  ),
  CumProd: row(
    free,
    unsupported('Where a factor is zero its gradient takes every product apart; use Mul or ReduceProd.'),
  ),
  CumSum: row(free, rules.cumSum),
  Div: row(free, rules.div),
  Equal: zero,
  // 2/√π · exp(−x²)
  Erf: row(
    free,
    each((m, x) => m.mul(m.unary('Exp', m.neg(m.square(x))), 2 / Math.sqrt(Math.PI))),
  ),
  Exp: row(
    free,
    each((_, __, y) => y),
  ),
  Floor: zero,
  Greater: zero,
  GreaterOrEqual: zero,
  IsInf: zero,
  IsNaN: zero,
  Less: zero,
  LessOrEqual: zero,
  Log: row(
    free,
    pullback((m, g, x) => m.div(g, x)),
  ),
  Max: row(free, rules.extremum),
  Mean: row(free, rules.mean),
  Min: row(free, rules.extremum),
  Mod: row(free, rules.mod),
  Mul: row(free, rules.mul),
  Neg: row(
    free,
    linear((m, g) => m.neg(g)),
  ),
  Not: zero,
  Or: zero,
  Pow: row(free, rules.pow),
  // −y²
  Reciprocal: row(
    free,
    each((m, _, y) => m.neg(m.square(y))),
  ),
  Round: zero,
  Sign: zero,
  Sin: row(
    free,
    each((m, x) => m.unary('Cos', x)),
  ),
  Sinh: row(
    free,
    each((m, x) => m.unary('Cosh', x)),
  ),
  // 1/(2y); infinite at x = 0
  Sqrt: row(
    free,
    pullback((m, g, _, y) => m.div(m.mul(g, 0.5), y)),
  ),
  Sub: row(free, s => [s.grad(), s.needs(1) ? s.m.neg(s.grad()) : undefined]),
  Sum: row(free, s => s.node.input.map(() => s.grad())),
  // 1 + y²
  Tan: row(
    free,
    each((m, _, y) => m.add(m.square(y), 1)),
  ),
  Where: row(free, rules.where),
  Xor: zero,
  'com.microsoft:BiasAdd': row(free, FUSED),
  'com.microsoft:ComplexMul': row(free, unsupported('Complex numbers have no gradient here.')),
  'com.microsoft:ComplexMulConj': row(free, unsupported('Complex numbers have no gradient here.')),
  'com.microsoft:GatedAdd': row(free, FUSED),
  'com.microsoft:IsAllFinite': zero,
  'com.microsoft:MulInteger': row(free, QUANTIZED),
} satisfies Record<ElementwiseOp, OpRow>
