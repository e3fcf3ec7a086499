/**
 * Recurrent cells. Every step multiplies the input with W and the state with R, for every direction:
 *   macs = T · B · (prod(W) + prod(R)),  X [T, B, I],  W [D, gates·H, I],  R [D, gates·H, H]
 * Peepholes and gates are element-wise and count zero.
 */
import { FUSED, QUANTIZED } from './gradient'
import type { RecurrentOp } from './names'
import { fromInputs, type OpRow, product, row, unknownCost } from './row'

// With layout = 1 X is [B, T, I]: the product T · B is the same.
const cell = fromInputs(
  [0, 1, 2],
  ([x, w, r]) => x && w && r && (x[0] ?? 1) * (x[1] ?? 1) * (product(w) + product(r)),
)

export const recurrent = {
  GRU: row(cell, 'expanded'),
  LSTM: row(cell, 'expanded'),
  RNN: row(cell, 'expanded'),
  'com.microsoft:AttnLSTM': row(
    unknownCost('Its attention reads a memory whose length is not in its shapes.'),
    FUSED,
  ),
  'com.microsoft:DynamicQuantizeLSTM': row(cell, QUANTIZED),
} satisfies Record<RecurrentOp, OpRow>
