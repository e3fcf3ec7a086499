/** Pooling and interpolation: sums, maxima or blends of neighbours. */
import type { PoolingOp } from './names'
import { free, type OpRow } from './row'

export const pooling = {
  AffineGrid: free,
  AveragePool: free,
  GlobalAveragePool: free,
  GlobalLpPool: free,
  GlobalMaxPool: free,
  GridSample: free,
  LpPool: free,
  MaxPool: free,
  MaxRoiPool: free,
  MaxUnpool: free,
  Resize: free,
  RoiAlign: free,
  Upsample: free,
  'com.microsoft:CropAndResize': free,
  'com.microsoft:GridSample': free,
  'com.microsoft:MaxpoolWithMask': free,
  'com.microsoft:NhwcMaxPool': free,
  'com.microsoft:QLinearAveragePool': free,
  'com.microsoft:QLinearGlobalAveragePool': free,
} satisfies Record<PoolingOp, OpRow>
