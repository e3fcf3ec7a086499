/** A training step on a GPU, tried beside the processor before it is trusted: some kernels there give wrong numbers. */
import { BantamError } from '../../shared/errors'
import type { Random } from '../data/random'
import type { Tensor } from '../runtime/tensor'
import { type StepRequest, TrainingStep } from './step'

/** Largest ‖∇device − ∇processor‖ / ‖∇processor‖: half precision stays below, a wrong kernel does not. */
const LARGEST_ERROR = 0.05
/** A weight with a smaller share of the whole norm is not judged by itself: its gradient may be rounding alone. */
const SMALLEST_SHARE = 1e-3

/** What a step is tried with: one batch, and the same draws for each. */
export interface Trial {
  feeds(): Promise<Record<string, Tensor>>
  random(): Random
}

/** What of a training step is tried. */
export interface Provable {
  gradients(feeds: Record<string, Tensor>, random: Random): Promise<unknown>
  readonly optimizer: { gradients(name: string): Float32Array }
  readonly statistics: ReadonlyMap<string, Float32Array>
  close(): Promise<void>
}

/** Opens a training step, tried first where it is not on the processor: see `openTried`. */
export function openProven(request: StepRequest, trial: Trial): Promise<TrainingStep> {
  return openTried(request, trial, wanted => TrainingStep.open(wanted))
}

/**
 * Opens a step; on another device than cpu it first computes one batch there and on the processor. Throws `unsupported`
 * when the gradients differ by more than a twentieth in norm, all together or those of one weight whose norm is above a
 * thousandth of the whole, and what opening and running throw. A step that is refused is closed.
 */
export async function openTried<S extends Provable>(
  request: StepRequest,
  trial: Trial,
  open: (request: StepRequest) => Promise<S>,
): Promise<S> {
  const step = await open(request)
  if (request.device === 'cpu') return step
  try {
    const feeds = await trial.feeds()
    const before = new Map([...step.statistics].map(([name, data]) => [name, data.slice()]))
    await step.gradients(feeds, trial.random())
    for (const [name, data] of before) step.statistics.get(name)?.set(data)
    const reference = await open({ ...request, device: 'cpu' })
    try {
      await reference.gradients(feeds, trial.random())
      compare(request, step, reference)
    } finally {
      await reference.close()
    }
    return step
  } catch (error) {
    await step.close()
    throw error
  }
}

function compare({ wrt, device }: StepRequest, step: Provable, reference: Provable): void {
  const each = wrt.map(name => ({
    name,
    ...squares(reference.optimizer.gradients(name), step.optimizer.gradients(name)),
  }))
  const norm = Math.sqrt(each.reduce((sum, weight) => sum + weight.norm, 0))
  if (!Number.isFinite(norm)) return // it diverges on the processor as well
  const judged = each
    .filter(weight => Math.sqrt(weight.norm) > SMALLEST_SHARE * norm)
    .map(weight => ({ name: weight.name, error: Math.sqrt(weight.difference / weight.norm) }))
  // Not a number counts as the largest error.
  const size = (error: number) => (Number.isFinite(error) ? error : Number.POSITIVE_INFINITY)
  const [worst] = judged.sort((a, b) => size(b.error) - size(a.error))
  if (worst && !(worst.error <= LARGEST_ERROR)) {
    throw refusal(device, `the gradient of ${worst.name}`, worst.error)
  }
  const difference = Math.sqrt(each.reduce((sum, weight) => sum + weight.difference, 0))
  const error = difference === 0 ? 0 : difference / norm
  if (!(error <= LARGEST_ERROR)) throw refusal(device, 'its gradient', error)
}

/** ‖reference − found‖² and ‖reference‖². */
function squares(reference: Float32Array, found: Float32Array): { difference: number; norm: number } {
  let [difference, norm] = [0, 0]
  reference.forEach((v, i) => {
    difference += (v - (found[i] ?? Number.NaN)) ** 2
    norm += v * v
  })
  return { difference, norm }
}

function refusal(where: string, what: string, error: number): BantamError {
  const how = Number.isFinite(error)
    ? `differs from the processor’s by ${Number((100 * error).toPrecision(2))} %`
    : 'is not finite, on the processor it is'
  return new BantamError('unsupported', `On a first batch ${what} ${how}.`, {
    where,
    action: 'Train on the processor.',
  })
}
