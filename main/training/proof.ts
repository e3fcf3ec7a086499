/** A training step on a GPU, tried beside the processor before it is trusted: some kernels there give wrong numbers. */
import { BantamError } from '../../shared/errors'
import type { Random } from '../data/random'
import type { Tensor } from '../runtime/tensor'
import { type StepRequest, TrainingStep } from './step'

/** Largest ‖∇device − ∇processor‖ / ‖∇processor‖: half precision stays below, a wrong kernel does not. */
const LARGEST_ERROR = 0.05

/** What a step is tried with: one batch, and the same draws for each. */
export interface Trial {
  feeds(): Promise<Record<string, Tensor>>
  random(): Random
}

/**
 * Opens a step; on another device than cpu it first computes one batch there and on the processor. Throws `unsupported`
 * when the gradients differ by more than a twentieth in norm, and what opening and running throw.
 */
export async function openProven(request: StepRequest, trial: Trial): Promise<TrainingStep> {
  const step = await TrainingStep.open(request)
  if (request.device === 'cpu') return step
  try {
    const feeds = await trial.feeds()
    const before = new Map([...step.statistics].map(([name, data]) => [name, data.slice()]))
    await step.gradients(feeds, trial.random())
    for (const [name, data] of before) step.statistics.get(name)?.set(data)
    const error = await distance(request, step, feeds, trial.random())
    if (error <= LARGEST_ERROR) return step
    throw new BantamError(
      'unsupported',
      `On a first batch its gradients differ from the processor’s by ${Number((100 * error).toPrecision(2))} %.`,
      { where: request.device, action: 'Train on the processor.' },
    )
  } catch (error) {
    await step.close()
    throw error
  }
}

async function distance(
  request: StepRequest,
  step: TrainingStep,
  feeds: Record<string, Tensor>,
  random: Random,
): Promise<number> {
  const reference = await TrainingStep.open({ ...request, device: 'cpu' })
  try {
    await reference.gradients(feeds, random)
    let [difference, norm] = [0, 0]
    for (const name of request.wrt) {
      const found = step.optimizer.gradients(name)
      reference.optimizer.gradients(name).forEach((v, i) => {
        difference += (v - (found[i] ?? Number.NaN)) ** 2
        norm += v * v
      })
    }
    if (norm === 0) return difference === 0 ? 0 : 1
    return Number.isFinite(norm) ? Math.sqrt(difference / norm) : 0 // it diverges on both
  } finally {
    await reference.close()
  }
}
