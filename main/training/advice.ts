/** What to expect of a training before it is run. */
import type { Advice, ModelSummary, Note } from '../../shared/domain'
import type { CommonOptions } from '../../shared/training'

/** Operators through which no gradient flows: the list is that of quantized nets, by far the most usual case. */
const QUANTIZED = /^(QLinear|Quantize|Dequantize)|Integer$|NBits$/

/** The file keeps its size and speed; says where training cannot work or is likely to disappoint. */
export function adviseTraining({ model }: { model: ModelSummary }, options: CommonOptions): Advice {
  const notes: Note[] = []
  const quantized = Object.keys(model.operators).filter(op => QUANTIZED.test(op))
  if (quantized.length > 0)
    notes.push({
      code: 'quantized',
      severity: 'error',
      message: `The model is quantized (${quantized.join(', ')}), and integers cannot be trained.`,
      action: 'Train the float model, and quantize the result.',
    })
  if (options.validation === 0)
    notes.push({
      code: 'no-validation',
      severity: 'warning',
      message: 'Without held-out samples the last epoch is kept, be it the best or not.',
      action: 'Hold out a tenth.',
    })
  if (options.optimizer === 'sgd' && options.learningRate !== null && options.learningRate > 1)
    notes.push({
      code: 'learning-rate',
      severity: 'warning',
      message: `A learning rate of ${options.learningRate} will probably diverge.`,
      action: 'Try 0.01.',
    })
  return { notes, sizeBytes: model.sizeBytes, latencyRatio: { low: 1, high: 1 } }
}
