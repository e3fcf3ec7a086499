/** What to expect of a student before it is trained. */
import type { Advice, ModelSummary, Note } from '../../shared/domain'
import type { DistillOptions } from '../../shared/training'
import { adviseTraining } from '../training/advice'

/** Of a shape made from the teacher, a rough size; the preview of a student measures. */
export function adviseStudent({ model }: { model: ModelSummary }, options: DistillOptions): Advice {
  const { notes } = adviseTraining({ model }, options)
  return { notes: [...notes, ...studentNotes(options)], sizeBytes: null, latencyRatio: null }
}

function studentNotes(options: DistillOptions): Note[] {
  const notes: Note[] = []
  if (options.features.length > 0)
    notes.push({
      code: 'features-may-hurt',
      severity: 'info',
      message:
        'Losses on values inside often help little and sometimes hurt. Train the same student without them as well, and compare.',
    })
  if (options.loss === 'none' && options.features.length === 0)
    notes.push({
      code: 'no-distillation',
      severity: 'info',
      message:
        'Without a distillation loss the student learns from labels alone: the control to compare with.',
    })
  if (options.epochs < 5 && options.init === 'random')
    notes.push({
      code: 'few-epochs',
      severity: 'warning',
      message: 'A student with random weights needs more than a few epochs.',
      action: 'Begin with weights from the teacher, or train longer.',
    })
  return notes
}
