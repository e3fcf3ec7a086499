/** The value that losses act on: logits, where a model ends in probabilities. */
import type { NodeProto } from 'onnx-buf'
import type { TensorInfo } from '../../shared/tensor'
import { intAttribute } from '../onnx/build'
import { declaredTypes } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { operator } from './tensors-layout'

export interface Logits {
  /** Name of the value. */
  name: string
  /**
   * 'logits' before a softmax, 'binary-logit' before a sigmoid (independent answers, each its own), 'value' where the
   * model ends in neither: logits already, or numbers.
   */
  kind: 'logits' | 'binary-logit' | 'value'
  /** Axis of the classes as the softmax has it, negative ones from the back; undefined for the last. */
  axis?: number
}

const ENDS: Record<string, Logits['kind']> = {
  Softmax: 'logits',
  LogSoftmax: 'logits',
  Sigmoid: 'binary-logit',
}
const SAME = new Set(['Identity', 'Cast', 'Dropout'])
const RESHAPES = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze'])

/**
 * What an output is made of before its final Softmax, LogSoftmax or Sigmoid (or the logarithm of one), looking through
 * nodes that change nothing. Whether a Reshape changes the shape is told by `shapes` (as `shapesOf` gives them), or by
 * what the file declares; where it cannot be told, the output is taken as it is.
 */
export function logitsOf(
  model: Model,
  outputName: string,
  shapes: ReadonlyMap<string, TensorInfo> = declaredTypes(model),
): Logits {
  let at = outputName
  let end = '' // the operator that ends the model, once it is found
  for (let node = model.graph.producer(at); node; node = model.graph.producer(at)) {
    const op = operator(node)
    const source = node.input[0] ?? ''
    if (ENDS[op]) return { name: source, kind: ENDS[op], ...axisOf(model, node) }
    if (op === 'Log' && end === '') end = op
    else if (!SAME.has(op) && !(RESHAPES.has(op) && sameShape(shapes, source, at))) break
    if (node.output[0] !== at) break
    at = source
  }
  return { name: outputName, kind: 'value' }
}

/** Before operator set 13 the axis is 1 where it is not given, and all axes from there on are taken together. */
function axisOf(model: Model, node: NodeProto): { axis?: number } {
  if (node.opType === 'Sigmoid') return {}
  const axis = intAttribute(node, 'axis', model.opset() < 13 ? 1 : -1)
  return axis === -1 ? {} : { axis }
}

function sameShape(shapes: ReadonlyMap<string, TensorInfo>, a: string, b: string): boolean {
  const [p, q] = [shapes.get(a)?.shape, shapes.get(b)?.shape]
  if (!p || !q || p.length !== q.length) return false
  // Only one dimension may be open on either side: the number of elements settles it.
  const open = p.filter((d, i) => typeof d === 'string' || typeof q[i] === 'string').length
  return open <= 1 && p.every((d, i) => d === q[i] || typeof d === 'string' || typeof q[i] === 'string')
}
