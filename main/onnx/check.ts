/**
 * What must hold in a model before anything is done with it. ONNX Runtime checks more (types, attributes); its own
 * words are passed on where a session is opened.
 */
import type { GraphProto, NodeProto, TensorProto } from 'onnx-buf'
import { TensorProto_DataType } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { checkExternal } from './external'
import { describeNode, nodeReads } from './graph'
import { type Model, normalDomain } from './model'
import { dataTypeName, isExternal, storedByteLength, tensorByteLength, tensorCount } from './tensor'
import { eachNode, eachTensor } from './walk'

/**
 * Throws `bad-model` naming what is wrong and where: no outputs, names empty or used twice, values nothing makes, a
 * cycle, operator sets not imported, tensors whose data does not fit their shape, external data missing or too short.
 * `file` is what the model was read from, to be named with what is wrong inside it.
 */
export function checkModel(model: Model, file?: string): void {
  try {
    checkParts(model)
  } catch (error) {
    throw file !== undefined && error instanceof BantamError ? inFile(error, file, model.directory) : error
  }
}

function inFile(error: BantamError, file: string, directory: string | null): BantamError {
  const { code, message, where, action = 'Export the model again.', cause } = error
  const inner = where && where !== directory ? `, ${where}` : ''
  return new BantamError(code, message, { where: `${file}${inner}`, action, cause })
}

function checkParts(model: Model): void {
  const graph = model.graph.proto
  if (graph.output.length === 0) throw refuse('The graph has no outputs.')
  checkNames(graph)
  checkReads(graph)
  checkOpsets(model)
  model.graph.topological()
  eachTensor(model.proto, tensor => checkTensor(tensor, model.directory))
}

function refuse(message: string, where?: string): BantamError {
  return new BantamError('bad-model', message, where === undefined ? {} : { where })
}

/** Every value is made exactly once: by an input, an initializer (which may also be an input) or a node. */
function checkNames(graph: GraphProto): void {
  const made = new Map<string, string>()
  const make = (name: string, what: string, where?: string) => {
    if (name === '') throw refuse(`${what} has no name.`, where)
    const other = made.get(name)
    if (other) throw refuse(`The name ${name} is used twice: ${other} and ${what.toLowerCase()}.`, where)
    made.set(name, what.toLowerCase())
  }
  for (const value of graph.input) make(value.name, 'An input')
  const inputs = new Set(made.keys())
  const initializers = new Set<string>()
  for (const tensor of graph.initializer) {
    if (initializers.has(tensor.name) || !inputs.has(tensor.name)) make(tensor.name, 'An initializer')
    initializers.add(tensor.name)
  }
  for (const node of graph.node) {
    const where = describeNode(node)
    if (node.opType === '') throw refuse('A node has no operator.', where)
    if (node.output.every(name => name === '')) throw refuse('A node has no outputs.', where)
    for (const name of node.output) if (name !== '') make(name, 'A node output', where)
  }
  for (const value of graph.output) if (value.name === '') throw refuse('An output has no name.')
}

function checkReads(graph: GraphProto): void {
  const known = new Set<string>([
    ...graph.input.map(v => v.name),
    ...graph.initializer.map(t => t.name),
    ...graph.sparseInitializer.flatMap(t => t.values?.name ?? []),
    ...graph.node.flatMap(n => n.output),
  ])
  for (const node of graph.node) {
    const missing = nodeReads(node).find(name => !known.has(name))
    if (missing !== undefined) {
      throw refuse(`A node reads ${missing}, which nothing produces.`, describeNode(node))
    }
  }
  const output = graph.output.find(v => !known.has(v.name))
  if (output) throw refuse(`Nothing produces the output ${output.name}.`)
}

function checkOpsets(model: Model): void {
  const imported = new Set(model.proto.opsetImport.map(o => normalDomain(o.domain)))
  for (const fn of model.proto.functions) imported.add(normalDomain(fn.domain))
  if (imported.size === 0) throw refuse('The model does not say which operator set it uses (opset_import).')
  let missing: NodeProto | undefined
  eachNode(model.graph.proto, node => {
    if (!missing && !imported.has(normalDomain(node.domain))) missing = node
  })
  if (missing) {
    const domain = normalDomain(missing.domain) || 'ai.onnx'
    throw refuse(
      `The model does not say which version of the operator set ${domain} it uses.`,
      describeNode(missing),
    )
  }
}

function checkTensor(tensor: TensorProto, directory: string | null): void {
  const type = dataTypeName(tensor.dataType)
  const shape = `[${tensor.dims.join(', ')}] of ${type}`
  if (tensor.dataType === TensorProto_DataType.STRING) {
    const count = tensorCount(tensor)
    if (tensor.stringData.length === count) return
    throw refuse(
      `Tensor ${tensor.name} has ${tensor.stringData.length} strings, but ${shape} needs ${count}.`,
    )
  }
  const expected = tensorByteLength(tensor)
  if (isExternal(tensor)) {
    checkExternal(tensor, directory, expected)
    return
  }
  const stored = storedByteLength(tensor)
  if (stored !== expected) {
    throw refuse(
      `Tensor ${tensor.name} has ${stored} bytes of data, but ${shape} needs ${expected}.`,
      tensor.name,
    )
  }
}
