/**
 * Fake quantization: rounds a float value to what its codes stand for, in float, so that a net can be trained as it will
 * answer in integers (Jacob et al. 2018, arXiv:1712.05877).
 *
 *   y = s·clip(round(x / s), q_min − z, q_max − z)
 *
 * bit for bit what DequantizeLinear gives of QuantizeLinear's codes. Gradients follow from the operators' own rules,
 * with round taken as straight through: x̄ = ȳ where the code lies within the range and 0 where it saturates, and
 * s̄ = ȳ·(round(x/s) − x/s) within, ȳ times the bound where it saturates: that of LSQ, of PyTorch's fake_quantize too.
 */
import { straightThroughName } from '../autodiff/straight-through'
import { makeNode } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import type { CodeRange } from '../quantize/affine'

/** Names of all that is added begin with this, behind the name of the value. */
const OURS = '/fake-quant'

export interface Quantizer {
  /** Name of the scale, in a shape that broadcasts to the value. */
  scale: string
  zeroPoint: number
  codes: CodeRange
}

/** A name for something that belongs to the fake quantization of a value. */
export function ourName(model: Model, value: string, part: string): string {
  return model.graph.freshName(`${value}${OURS}/${part}`)
}

/** Adds the fake quantization of `value`; answers with the name of the result, `output` where it is given. */
export function addFakeQuantize(
  model: Model,
  value: string,
  { scale, zeroPoint, codes }: Quantizer,
  output?: string,
): string {
  const { graph } = model
  const name = (part: string) => ourName(model, value, part)
  const [scaled, clipped] = [name('scaled'), name('clipped')]
  const rounded = straightThroughName(name('rounded'))
  const result = output ?? name('value')
  graph.add(makeNode('Div', [value, scale], [scaled], {}, { name: scaled }))
  graph.add(makeNode('Round', [scaled], [rounded], {}, { name: rounded }))
  const bounds = [bound(model, codes.min - zeroPoint), bound(model, codes.max - zeroPoint)]
  graph.add(makeNode('Clip', [rounded, ...bounds], [clipped], {}, { name: clipped }))
  graph.add(makeNode('Mul', [clipped, scale], [result], {}, { name: result }))
  return result
}

/** One scalar for every distinct bound. */
function bound(model: Model, value: number): string {
  const name = `bantam/code${value}`
  if (!model.graph.initializer(name))
    model.graph.setInitializer(makeTensor(name, 'float32', [], Float32Array.of(value)))
  return name
}
