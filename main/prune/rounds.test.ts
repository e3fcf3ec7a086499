import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Plan } from '../../shared/domain'
import { PruneChannelsOptions } from '../../shared/prune'
import type { TrainingRecord } from '../../shared/training'
import { serialize } from '../onnx/write'
import { spiral, spiralNet, trainingContext } from '../training/testing'
import { inspectProblem } from '../training/testing-errors'
import { pruneChannels } from './structured'

let run: ReturnType<typeof trainingContext>
beforeEach(() => {
  run = trainingContext()
})
afterEach(() => run.clean())

const dataset = spiral(240)
const training = { dataset, indices: dataset.indices('all') }
const model = spiralNet(32)
const options = PruneChannelsOptions.parse({ amount: 0.6, steps: 3, recover: 2, batch: 16, multiple: 1 })

/** Applies in the same folder; `pauseAt` asks for a pause at the so-manieth time the training listens. */
async function apply(plan: Plan, pauseAt = Number.POSITIVE_INFINITY) {
  let heard = 0
  let record: TrainingRecord | undefined
  const context = { ...run.context, asked: () => (++heard >= pauseAt ? ('pause' as const) : undefined) }
  const made = await pruneChannels.apply(model, plan, {
    ...{ training, threads: 1, device: 'cpu' as const, context },
    record: told => {
      record = told
    },
  })
  return { made, record, heard }
}

it('goes on from the round and the step where it was stopped, to the same bytes and curve', async () => {
  const plan = await pruneChannels.plan({ model, training, seed: 0, threads: 1 }, options, run.context)
  const { keepDir: _, ...rest } = run.context
  const folder = run.context
  run.context = rest
  const whole = await apply(plan)
  run.context = folder
  // In the second round.
  expect((await inspectProblem(apply(plan, Math.round(whole.heard / 2)))).code).toBe('paused')
  const resumed = await apply(plan)
  expect(resumed.heard).toBeLessThan(whole.heard)
  expect(serialize(resumed.made)).toEqual(serialize(whole.made))
  const curve = (record: TrainingRecord | undefined) => record?.epochs.map(e => [e.epoch, e.loss])
  expect(curve(resumed.record)).toEqual(curve(whole.record))
  expect(curve(whole.record)).toHaveLength(6)
})
