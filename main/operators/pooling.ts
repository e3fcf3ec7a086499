/** Pooling and interpolation: sums, maxima or blends of neighbours. */
import { FUSED, QUANTIZED, unsupported } from './gradient'
import type { PoolingOp } from './names'
import * as rules from './pooling-gradient'
import { resize } from './resize-gradient'
import { free, type OpRow, row } from './row'

export const pooling = {
  AffineGrid: row(free, unsupported('Its gradient is not written.')),
  AveragePool: row(free, rules.averagePool),
  GlobalAveragePool: row(free, rules.globalAverage),
  GlobalLpPool: row(free, 'expanded'),
  GlobalMaxPool: row(free, rules.globalMax),
  GridSample: row(free, unsupported('Its gradient is not written.')),
  LpPool: row(free, 'expanded'),
  MaxPool: row(free, rules.maxPool),
  MaxRoiPool: row(free, unsupported('Its gradient is not written.')),
  MaxUnpool: row(free, unsupported('Its gradient is not written.')),
  Resize: row(free, resize),
  RoiAlign: row(free, unsupported('Its gradient is not written.')),
  // Became Resize in operator set 10, to which models are raised.
  Upsample: row(free, unsupported('It is deprecated; use Resize.')),
  'com.microsoft:CropAndResize': row(free, FUSED),
  'com.microsoft:GridSample': row(free, FUSED),
  'com.microsoft:MaxpoolWithMask': row(free, FUSED),
  'com.microsoft:NhwcMaxPool': row(free, FUSED),
  'com.microsoft:QLinearAveragePool': row(free, QUANTIZED),
  'com.microsoft:QLinearGlobalAveragePool': row(free, QUANTIZED),
} satisfies Record<PoolingOp, OpRow>
