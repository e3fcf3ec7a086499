/**
 * Recurrent cells. Every step multiplies the input with W and the state with R, for every direction:
 *   macs = T · B · (prod(W) + prod(R)),  X [T, B, I],  W [D, gates·H, I],  R [D, gates·H, H]
 * Peepholes and gates are element-wise and count zero.
 */
import type { RecurrentOp } from './names'
import { fromInputs, type OpRow, product, unknownCost } from './row'

// With layout = 1 X is [B, T, I]: the product T · B is the same.
const cell = fromInputs(
  [0, 1, 2],
  ([x, w, r]) => x && w && r && (x[0] ?? 1) * (x[1] ?? 1) * (product(w) + product(r)),
)

export const recurrent = {
  GRU: cell,
  LSTM: cell,
  RNN: cell,
  'com.microsoft:AttnLSTM': unknownCost('Its attention reads a memory whose length is not in its shapes.'),
  'com.microsoft:DynamicQuantizeLSTM': cell,
} satisfies Record<RecurrentOp, OpRow>
