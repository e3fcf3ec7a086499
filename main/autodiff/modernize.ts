/**
 * Operators that went away or changed their meaning below operator set 13, written as those of today: Upsample (7, 9)
 * and Resize (10) as Resize with the coordinates they had, Scatter (9) as ScatterElements.
 */
import type { NodeProto } from 'onnx-buf'
import { attribute, makeAttribute, stringAttribute } from '../onnx/build'
import { type Model, normalDomain } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'

/** A domain no operator has: what is in it is not looked at while the operator set is raised. */
const ASIDE = 'bantam.aside'

/** Puts such nodes aside while `raise` works on the others, then rewrites them. Both change the model in place. */
export function aroundModernized(model: Model, raise: () => void): void {
  const from = model.opset()
  const old = model.graph.nodes.filter(
    node =>
      normalDomain(node.domain) === '' &&
      (/^(Upsample|Scatter)$/.test(node.opType) || (node.opType === 'Resize' && from < 11)),
  )
  for (const node of old) node.domain = ASIDE
  try {
    raise()
  } finally {
    for (const node of old) node.domain = ''
  }
  for (const node of old)
    if (node.opType === 'Scatter') node.opType = 'ScatterElements'
    else resized(model, node)
}

/** Each output element reads at i/scale: asymmetric coordinates, the nearest rounded down. */
function resized(model: Model, node: NodeProto): void {
  const { graph } = model
  let [x = '', scales = ''] = node.input
  const given = attribute(node, 'scales')?.floats
  if (given) {
    scales = graph.freshName(`${node.output[0]}_scales`)
    graph.setInitializer(makeTensor(scales, 'float32', [given.length], given))
  }
  const mode = stringAttribute(node, 'mode', 'nearest')
  node.opType = 'Resize'
  node.attribute = [
    makeAttribute('mode', mode.endsWith('linear') ? 'linear' : 'nearest'),
    makeAttribute('coordinate_transformation_mode', 'asymmetric'),
    makeAttribute('nearest_mode', 'floor'),
  ]
  for (const [index, name] of [x, '', scales].entries()) graph.setInput(node, index, name)
}
