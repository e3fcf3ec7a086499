/** What to expect of quantization-aware training before it is run. */
import type { Advice, Hardware, ModelSummary } from '../../shared/domain'
import { adviseStatic } from '../quantize/advice'
import { adviseTraining } from '../training/advice'
import { placementOptions, type QatOptions } from './options'
import { commonOptions } from './task'

/** Size and speed are those of static int8; notes of both halves, each once. */
export function adviseQat(about: { model: ModelSummary; hardware: Hardware }, options: QatOptions): Advice {
  const made = adviseStatic(about, placementOptions(options))
  const trained = adviseTraining(about, commonOptions(options))
  const codes = new Set(trained.notes.map(note => note.code))
  // That a quantized model cannot be trained says all there is to say of it.
  const rest = made.notes.filter(note => !(codes.has('quantized') && note.code === 'already-quantized'))
  return { ...made, notes: [...trained.notes, ...rest] }
}
