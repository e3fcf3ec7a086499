/**
 * What is decided after scales and places: how weights are rounded, then biases. In this order, for the shift of means
 * that biases take away is that of the weights as they are rounded in the end.
 */
import type { Note } from '../../../shared/domain'
import { type TaskContext, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import type { SampleSet } from '../../technique'
import { withLearnedRounding } from '../adaround/adaround'
import { withAnalyticBiases } from '../bias/analytic'
import { withCorrectedBiases } from '../bias/correction'
import type { StaticDecisions, StaticOptions } from './options'

export interface RefineRequest {
  /** The model as it was given. */
  source: Model
  /** The prepared float model that the decisions are about. */
  model: Model
  decisions: StaticDecisions
  samples: SampleSet & { threads: number; seed: number }
}

/** Whether these options ask for any of it. */
export function refines({ rounding, biasCorrection }: StaticOptions): boolean {
  return rounding !== 'nearest' || biasCorrection !== 'none'
}

/** Throws what learning to round and correcting biases throw. */
export async function refined(
  { source, model, decisions, samples }: RefineRequest,
  options: StaticOptions,
  context: TaskContext,
): Promise<{ decisions: StaticDecisions; notes: Note[] }> {
  const notes: Note[] = []
  let current = decisions
  const learns = options.rounding === 'adaround'
  if (learns) {
    const steps = options.roundingSteps
    const result = await withLearnedRounding(
      { model, decisions, samples, steps },
      within(context, 0, options.biasCorrection === 'samples' ? 0.8 : 1),
    )
    current = result.decisions
    notes.push(...result.notes)
  }
  if (options.biasCorrection === 'analytic') {
    const result = await withAnalyticBiases(source, model, current)
    current = result.decisions
    notes.push(...result.notes)
  }
  if (options.biasCorrection === 'samples') {
    const result = await withCorrectedBiases(model, current, samples, within(context, learns ? 0.8 : 0, 1))
    current = result.decisions
    notes.push(result.note)
  }
  return { decisions: current, notes }
}
