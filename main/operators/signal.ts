/** Signal processing. */
import { FUSED, unsupported } from './gradient'
import type { SignalOp } from './names'
import { free, type OpRow, row, unknownCost } from './row'

const TRANSFORM = unknownCost('The number of products depends on the Fourier transform used.')

export const signal = {
  BlackmanWindow: row(free, 'zero'),
  DFT: row(TRANSFORM, unsupported('Its gradient is not written.')),
  HammingWindow: row(free, 'zero'),
  HannWindow: row(free, 'zero'),
  MelWeightMatrix: row(free, 'zero'),
  STFT: row(TRANSFORM, unsupported('Its gradient is not written.')),
  'com.microsoft:Irfft': row(TRANSFORM, FUSED),
  'com.microsoft:Rfft': row(TRANSFORM, FUSED),
} satisfies Record<SignalOp, OpRow>
