import { BantamError } from '../../shared/errors'
import { machine } from '../jobs/work/lookup'
import { requireDataset } from '../jobs/work/sensitivity'
import { currentDataset } from '../workspace/datasets'
import { readSensitivity } from '../workspace/sensitivities'
import { variantCore } from '../workspace/variants'
import type { Bench } from './bench'
import { inspected } from './inspected'
import { procedure } from './procedure'

/** A latency target is measured while it is planned, and newer questions go before older ones. */
const PREVIEW_MS = 900_000

export function pruneRouter({ workspace, queue, warm }: Bench) {
  return procedure.prune.router({
    preview: procedure.prune.preview.handler(async ({ input: { parent, step } }) => {
      if (!step.technique.startsWith('prune.')) {
        throw new BantamError('bad-option', `${step.technique} does not prune.`, { where: 'technique' })
      }
      const model = inspected(workspace, parent)
      const dataset = currentDataset(workspace, variantCore(workspace, parent).study)
      const data = dataset ? { spec: dataset.spec, inputs: model.summary.inputs } : null
      const { threads } = await machine(workspace)
      return warm.ask('prune', { parent: model, step, data, threads }, PREVIEW_MS)
    }),
    sensitivity: procedure.prune.sensitivity.handler(({ input }) => {
      const { model, study } = variantCore(workspace, input.variant)
      const dataset = currentDataset(workspace, study)
      return dataset ? readSensitivity(workspace, { model, dataset: dataset.hash }, 'prune') : null
    }),
    measure: procedure.prune.measure.handler(({ input }) => {
      const { study, name } = variantCore(workspace, input.variant)
      requireDataset(workspace, study)
      const keeps = [...new Set(input.keeps)].sort((a, b) => b - a)
      return queue.enqueue(study, `Sensitivity of ${name}`, { kind: 'sensitivity', study, ...input, keeps })
    }),
  })
}
