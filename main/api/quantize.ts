import { BantamError } from '../../shared/errors'
import { type QuantizeSensitivity, TRIED_BEFOREHAND } from '../../shared/quantize'
import { machine } from '../jobs/work/lookup'
import { requireDataset } from '../jobs/work/sensitivity'
import { statisticsFolder } from '../quantize/calibrate/statistics-folder'
import { partialSensitivity } from '../quantize/sensitivity/kept'
import { keptPath } from '../workspace/checkpoints'
import { currentDataset } from '../workspace/datasets'
import { listJobs } from '../workspace/job-records'
import { readSensitivity } from '../workspace/sensitivities'
import { variantCore } from '../workspace/variants'
import type { Workspace } from '../workspace/workspace'
import type { Bench } from './bench'
import { inspected } from './inspected'
import { procedure } from './procedure'

const STATIC = 'quantize.static-int8'
/** Without kept statistics the model is run on all calibration samples. */
const LAYER_MS = 600_000
const PREVIEW_MS = 600_000

export function quantizeRouter({ workspace, queue, warm }: Bench) {
  return procedure.quantize.router({
    sensitivity: procedure.quantize.sensitivity.handler(({ input }) => {
      const { model, study } = variantCore(workspace, input.variant)
      const partial = measuredSoFar(workspace, input.variant)
      if (partial) return partial
      const dataset = currentDataset(workspace, study)
      return dataset ? readSensitivity(workspace, { model, dataset: dataset.hash }, 'quantize') : null
    }),
    measure: procedure.quantize.measure.handler(async ({ input: { variant, samples, options = {} } }) => {
      const { study, name } = variantCore(workspace, variant)
      requireDataset(workspace, study)
      // Invalid options are told at once, and not by a job that fails.
      const { step } = await warm.ask('step', { step: { technique: STATIC, options } })
      return queue.enqueue(study, `Sensitivity of ${name} to quantization`, {
        kind: 'quantize-sensitivity',
        study,
        variant,
        options: step.options,
        samples,
      })
    }),
    layer: procedure.quantize.layer.handler(async ({ input: { variant, layer, options = {} } }) => {
      const model = inspected(workspace, variant)
      const { spec } = requireDataset(workspace, variantCore(workspace, variant).study)
      const { threads } = await machine(workspace)
      const data = { spec, inputs: model.summary.inputs }
      const statistics = statisticsFolder(workspace)
      return warm.ask('layer', { model, layer, options, data, statistics, threads }, LAYER_MS)
    }),
    preview: procedure.quantize.preview.handler(async ({ input: { parent, step } }) => {
      if (!TRIED_BEFOREHAND.includes(step.technique)) {
        throw new BantamError('bad-option', `${step.technique} is not tried beforehand.`, {
          where: 'technique',
        })
      }
      const model = inspected(workspace, parent)
      const { study } = variantCore(workspace, parent)
      const dataset =
        step.technique === STATIC ? requireDataset(workspace, study) : currentDataset(workspace, study)
      const { threads } = await machine(workspace)
      const data = dataset ? { spec: dataset.spec, inputs: model.summary.inputs } : null
      const statistics = statisticsFolder(workspace)
      return warm.ask('quantize', { parent: model, step, data, statistics, threads }, PREVIEW_MS)
    }),
    search: procedure.quantize.search.handler(({ input }) => queue.search(input.id)),
  })
}

/** The layers that are done of a measurement that waits or runs; null where there is none. */
function measuredSoFar(workspace: Workspace, variant: string): QuantizeSensitivity | null {
  const open = listJobs(workspace).find(
    ({ job, request }) =>
      request.kind === 'quantize-sensitivity' &&
      request.variant === variant &&
      ['queued', 'running'].includes(job.state),
  )
  return open ? partialSensitivity(keptPath(workspace.folder, open.job.id)) : null
}
