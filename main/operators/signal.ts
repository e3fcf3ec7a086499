/** Signal processing. */
import type { SignalOp } from './names'
import { free, type OpRow, unknownCost } from './row'

const TRANSFORM = unknownCost('The number of products depends on the Fourier transform used.')

export const signal = {
  BlackmanWindow: free,
  DFT: TRANSFORM,
  HammingWindow: free,
  HannWindow: free,
  MelWeightMatrix: free,
  STFT: TRANSFORM,
  'com.microsoft:Irfft': TRANSFORM,
  'com.microsoft:Rfft': TRANSFORM,
} satisfies Record<SignalOp, OpRow>
