/** Static int8 quantization: weights and activations in 8 bits, scales fixed from calibration samples. */
import type { Model } from '../onnx/model'
import type { Technique } from '../technique'
import { adviseStatic } from './advice'
import { editableCopy } from './copy'
import { preparedAsDecided } from './prepare'
import { StaticDecisions, StaticOptions } from './static/options'
import { planStatic } from './static/plan'
import { writeStatic } from './static/write'

export const staticInt8: Technique<typeof StaticOptions> = {
  id: 'quantize.static-int8',
  title: 'Static int8',
  summary:
    'Weights and activations become 8-bit integers, with scales measured on sample data. The smallest and, on processors with int8 instructions, the fastest form of a convolutional network.',
  reference:
    'Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018 (arXiv:1712.05877)',
  needs: 'calibration',
  options: StaticOptions,
  advise: adviseStatic,
  plan: planStatic,
  async apply(model, plan): Promise<Model> {
    const decisions = StaticDecisions.parse(plan.decisions)
    const copy = editableCopy(await preparedAsDecided(model, decisions))
    writeStatic(copy, decisions)
    return copy
  },
}
