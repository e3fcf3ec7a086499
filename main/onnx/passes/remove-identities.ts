/** Removes nodes that hand their input on: Identity, Dropout at inference, Cast to the same type, Transpose of nothing. */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { intAttribute, intsAttribute } from '../build'
import { copyModel } from '../copy'
import { inferTypes, type Types } from '../infer'
import type { Model } from '../model'
import { dataTypeName } from '../tensor'
import { constantValues, counted, declined, done, type Pass, type PassResult } from './pass'

export const removeIdentities: Pass = { id: 'remove-identities', run: remove }

async function remove(source: Model): Promise<PassResult> {
  const interesting = /^(Identity|Dropout|Cast|Transpose)$/
  if (!source.graph.nodes.some(n => n.domain === '' && interesting.test(n.opType))) {
    return { model: source, modified: false, notes: [] }
  }
  const types = await inferTypes(source)
  const model = copyModel(source)
  const notes: Note[] = []
  let removed = 0
  for (const node of [...model.graph.nodes]) {
    if (!handsOn(model, node, types)) continue
    if (bypass(model, node)) removed++
    else
      notes.push(declined('identity-kept', node, 'it joins an input, a constant or a subgraph to an output.'))
  }
  if (removed === 0) return { model: source, modified: false, notes }
  notes.push(done('removed-identities', `${counted(removed, 'node')} that changed nothing went away.`))
  return { model, modified: true, notes }
}

function handsOn(model: Model, node: NodeProto, types: Types): boolean {
  if (node.domain !== '') return false
  const input = node.input[0] ?? ''
  switch (node.opType) {
    case 'Identity':
      // A sequence or optional value is handed on as well; nothing is computed.
      return true
    case 'Dropout':
      return isInferenceDropout(model, node)
    case 'Cast':
      return types.get(input)?.type === dataTypeName(intAttribute(node, 'to', 0))
    case 'Transpose':
      return intsAttribute(node, 'perm')?.every((axis, i) => axis === i) === true
    default:
      return false
  }
}

/** Since operator set 12 a third input switches training on; before 7 the attribute is_test switched it off. */
function isInferenceDropout(model: Model, node: NodeProto): boolean {
  const mask = node.output[1] ?? ''
  if (mask !== '' && (model.graph.uses(mask).length > 0 || model.graph.isOutput(mask))) return false
  if (model.opset() < 7) return intAttribute(node, 'is_test', 0) === 1
  const training = node.input[2] ?? ''
  return training === '' || constantValues(model, training)?.data[0] === 0
}

/** Joins the node's input to the readers of its output. False when that cannot be done. */
function bypass(model: Model, node: NodeProto): boolean {
  const { graph } = model
  const [from = ''] = node.input
  const [to = ''] = node.output
  if (!graph.isOutput(to)) {
    if (!graph.replaceUses(to, from)) return false
    graph.remove([node])
    return true
  }
  const producer = graph.producer(from)
  const inSubgraph = graph.uses(from).some(use => use.index < 0)
  if (!producer || graph.isOutput(from) || inSubgraph) return false
  graph.remove([node])
  graph.setOutput(producer, producer.output.indexOf(from), to)
  graph.replaceUses(from, to)
  return true
}
