/** Control flow, sequences and optional values, and operators that run whole models inside. */
import type { ControlOp } from './names'
import { free, type OpRow, unknownCost } from './row'

const LOOP = unknownCost('How often its body runs is not known before it runs.')
const SEARCH = unknownCost('It runs a model inside as often as the search needs.')

export const control = {
  If: unknownCost('Which branch runs is not known before it runs.'),
  Loop: LOOP,
  Scan: LOOP,
  SequenceMap: LOOP,
  ConcatFromSequence: free,
  ImageDecoder: free,
  Optional: free,
  OptionalGetElement: free,
  OptionalHasElement: free,
  SequenceAt: free,
  SequenceConstruct: free,
  SequenceEmpty: free,
  SequenceErase: free,
  SequenceInsert: free,
  SequenceLength: free,
  SplitToSequence: free,
  'com.microsoft:BeamSearch': SEARCH,
  'com.microsoft:EPContext': unknownCost('It holds a network compiled for one device.'),
  'com.microsoft:GreedySearch': SEARCH,
  'com.microsoft:Sampling': SEARCH,
  'com.microsoft:WhisperBeamSearch': SEARCH,
} satisfies Record<ControlOp, OpRow>
