/** Which operator set static quantization needs. */
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Model } from '../../onnx/model'
import { opsetObstacles } from '../upgrade'
import type { StaticOptions } from './options'

/** First opsets of QuantizeLinear, and of its scales per channel. */
const OPSET_PER_TENSOR = 10
const OPSET_PER_CHANNEL = 13
/** First opset whose DequantizeLinear knows int4. */
const OPSET_INT4 = 21

/** The opset the result needs, and whether scales per channel can be had. */
export function chooseOpset(
  model: Model,
  { perChannel: wanted, weights }: Pick<StaticOptions, 'perChannel' | 'weights'>,
): { opset: number; perChannel: boolean; note: Note[] } {
  const opset = model.opset()
  if (weights === 'int4') return { opset: OPSET_INT4, perChannel: wanted, note: raisedForInt4(model) }
  if (opset >= (wanted ? OPSET_PER_CHANNEL : OPSET_PER_TENSOR)) return { opset, perChannel: wanted, note: [] }
  const target = wanted ? OPSET_PER_CHANNEL : OPSET_PER_TENSOR
  const obstacles = opsetObstacles(model, target)
  if (obstacles.length === 0) {
    const message = `The operator set is raised from ${opset} to ${target}, which ${wanted ? 'scales per channel need' : 'QuantizeLinear needs'}.`
    return { opset: target, perChannel: wanted, note: [{ code: 'opset-raised', severity: 'info', message }] }
  }
  if (wanted) {
    const rest = chooseOpset(model, { perChannel: false, weights })
    const message = `Scales per channel need opset 13; this model has ${opset} and cannot be raised: ${obstacles[0]}. One scale per weight is used.`
    return { ...rest, note: [...rest.note, { code: 'per-channel-declined', severity: 'warning', message }] }
  }
  throw new BantamError('unsupported', `QuantizeLinear needs opset 10; this model has ${opset}.`, {
    action: `It cannot be raised: ${obstacles[0]}. Export the model again with a newer opset.`,
  })
}

/** What to say of raising the operator set for 4-bit codes. Throws `unsupported` where it cannot be raised. */
function raisedForInt4(model: Model): Note[] {
  const opset = model.opset()
  if (opset >= OPSET_INT4) return []
  const [obstacle] = opsetObstacles(model, OPSET_INT4)
  if (obstacle)
    throw new BantamError('unsupported', `4-bit weights need opset ${OPSET_INT4}; this model has ${opset}.`, {
      action: `It cannot be raised: ${obstacle}. Choose int8 weights, or export the model again with a newer opset.`,
    })
  const message = `The operator set is raised from ${opset} to ${OPSET_INT4}, which 4-bit weights need.`
  return [{ code: 'opset-raised', severity: 'info', message }]
}
