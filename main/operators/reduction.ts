/** Reductions and selections over axes. */
import type { ReductionOp } from './names'
import { free, type OpRow } from './row'

export const reduction = {
  ArgMax: free,
  ArgMin: free,
  ReduceL1: free,
  ReduceL2: free,
  ReduceLogSum: free,
  ReduceLogSumExp: free,
  ReduceMax: free,
  ReduceMean: free,
  ReduceMin: free,
  ReduceProd: free,
  ReduceSum: free,
  ReduceSumSquare: free,
  NonMaxSuppression: free,
  'com.microsoft:QLinearReduceMean': free,
  'com.microsoft:ReduceSumInteger': free,
} satisfies Record<ReductionOp, OpRow>
