/** Channels through QuantizeLinear and DequantizeLinear: a scale for each channel goes with its channel. */
import { intAttribute } from '../../onnx/build'
import type { ChannelRule } from '../flow'
import { at } from './elementwise'

export const quantized: ChannelRule = s => {
  const x = s.input(0)
  s.broadcast(x, s.output())
  const axis = at(intAttribute(s.node, 'axis', 1), x.length)
  for (const i of [1, 2]) {
    const scale = s.input(i)
    if (scale.length > 1) s.opaque('Scales by block have no rule.')
    if (scale.length === 1 && scale[0]?.size === x[axis]?.size) s.unify(scale[0], x[axis])
  }
}
