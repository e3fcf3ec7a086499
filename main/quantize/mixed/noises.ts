/** How much noise each layer alone in 8 bits adds to the answers: by what a search begins. */
import { breathe, type TaskContext } from '../../jobs/context'
import { Runner } from '../../measure/answers'
import { answersSqnr } from '../../measure/signal'
import type { SampleSet } from '../../technique'
import { editableCopy } from '../copy'
import { alone } from '../sensitivity/alone'
import { Prefix } from '../sensitivity/prefix'
import { type SubjectRequest, subjectOf } from '../sensitivity/subject'
import { writeStatic } from '../static/write'

/**
 * Noise relative to the signal by id of the layer, as sensitivities are measured. Layers that `over` leaves no time for
 * are missing. Throws as planning and running.
 */
export async function noisesAlone(
  request: SubjectRequest,
  samples: SampleSet,
  over: () => boolean,
  context: TaskContext,
): Promise<Map<string, number>> {
  const quiet: TaskContext = { ...context, progress: () => undefined }
  const { model, decisions, layers } = await subjectOf(request, quiet)
  const { runner, whole } = await Runner.open(model, samples, request.threads, quiet)
  const prefix = await Prefix.begin(model, runner)
  const noises = new Map<string, number>()
  for (const [i, layer] of layers.entries()) {
    await breathe(context)
    if (over()) break
    context.progress(
      i / layers.length,
      `Measuring ${layer.planned.id} alone (layer ${i + 1} of ${layers.length})`,
    )
    await prefix.advance(layer.node, quiet)
    const copy = editableCopy(prefix.rest)
    writeStatic(copy, alone(decisions, layer, 'whole'))
    noises.set(layer.planned.id, relativeNoise(answersSqnr(whole, await prefix.runner.run(copy, quiet))))
  }
  return noises
}

/** From dB to a share of the signal's energy. */
export function relativeNoise(sqnr: number | null): number {
  return sqnr === null ? 0 : 10 ** (-sqnr / 10)
}
