/** Control flow, sequences and optional values, and operators that run whole models inside. */
import { FUSED, unsupported } from './gradient'
import type { ControlOp } from './names'
import { free, type OpRow, row, unknownCost } from './row'

const LOOP = unknownCost('How often its body runs is not known before it runs.')
const SEARCH = unknownCost('It runs a model inside as often as the search needs.')

export const control = {
  If: row(
    unknownCost('Which branch runs is not known before it runs.'),
    unsupported('Which branch runs is known only while it runs.'),
  ),
  Loop: row(LOOP, unsupported('Its body runs an unknown number of times.')),
  Scan: row(LOOP, unsupported('Its body runs an unknown number of times.')),
  SequenceMap: row(LOOP, unsupported('Sequences have no gradient.')),
  ConcatFromSequence: row(free, unsupported('Sequences have no gradient.')),
  ImageDecoder: row(free, 'zero'),
  Optional: row(free, unsupported('Sequences have no gradient.')),
  OptionalGetElement: row(free, unsupported('Sequences have no gradient.')),
  OptionalHasElement: row(free, 'zero'),
  SequenceAt: row(free, unsupported('Sequences have no gradient.')),
  SequenceConstruct: row(free, unsupported('Sequences have no gradient.')),
  SequenceEmpty: row(free, unsupported('Sequences have no gradient.')),
  SequenceErase: row(free, unsupported('Sequences have no gradient.')),
  SequenceInsert: row(free, unsupported('Sequences have no gradient.')),
  SequenceLength: row(free, 'zero'),
  SplitToSequence: row(free, unsupported('Sequences have no gradient.')),
  'com.microsoft:BeamSearch': row(SEARCH, FUSED),
  'com.microsoft:EPContext': row(unknownCost('It holds a network compiled for one device.'), FUSED),
  'com.microsoft:GreedySearch': row(SEARCH, FUSED),
  'com.microsoft:Sampling': row(SEARCH, FUSED),
  'com.microsoft:WhisperBeamSearch': row(SEARCH, FUSED),
} satisfies Record<ControlOp, OpRow>
