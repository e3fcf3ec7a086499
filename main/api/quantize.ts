import { BantamError } from '../../shared/errors'
import { currentDataset } from '../workspace/datasets'
import { readSensitivity } from '../workspace/sensitivities'
import { variantCore } from '../workspace/variants'
import type { Bench } from './bench'
import { procedure } from './procedure'

export function quantizeRouter({ workspace }: Bench) {
  return procedure.quantize.router({
    sensitivity: procedure.quantize.sensitivity.handler(({ input }) => {
      const { model, study } = variantCore(workspace, input.variant)
      const dataset = currentDataset(workspace, study)
      return dataset ? readSensitivity(workspace, { model, dataset: dataset.hash }, 'quantize') : null
    }),
    measure: procedure.quantize.measure.handler(() => {
      throw new BantamError('unsupported', 'Sensitivity to quantization is not measured yet.')
    }),
    layer: procedure.quantize.layer.handler(() => {
      throw new BantamError('unsupported', 'Layers are not looked into yet.')
    }),
    preview: procedure.quantize.preview.handler(() => {
      throw new BantamError('unsupported', 'Quantizations are not tried beforehand yet.')
    }),
  })
}
