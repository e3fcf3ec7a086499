/**
 * Functions that a model defines itself, as exporters write them, are put in place of the nodes that call them.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md#functions
 */
import type { AttributeProto, FunctionProto, NodeProto } from 'onnx-buf'
import { makeNode } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import { Model, normalDomain } from '../../onnx/model'
import { shallow } from '../../onnx/shallow'
import { subgraphs } from '../../onnx/walk'

/** Functions may call functions; they must not call themselves, and this bounds those that do. */
const MAX_DEPTH = 32

/** A copy without calls of the model's own functions; the model itself when there are none. Those with subgraphs stay. */
export function inlineFunctions(model: Model): Model {
  const functions = new Map(model.proto.functions.map(f => [keyOf(f.domain, f.name, f.overload), f]))
  let current = model
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const calls = current.graph.nodes.filter(node => calledBy(functions, node))
    if (calls.length === 0) break
    const copy = depth === 0 ? copyModel(current) : current
    for (const node of copy.graph.nodes.filter(n => calledBy(functions, n))) {
      const called = calledBy(functions, node)
      if (called) inline(copy, node, called)
    }
    copy.graph.sort()
    current = new Model(copy.proto, copy.directory)
  }
  if (current !== model) {
    const stay = (f: FunctionProto) => f.node.some(node => subgraphs(node).length > 0)
    current.proto.functions = current.proto.functions.filter(stay)
  }
  return current
}

function keyOf(domain: string, name: string, overload: string): string {
  return `${normalDomain(domain)}:${name}:${overload}`
}

function calledBy(functions: ReadonlyMap<string, FunctionProto>, node: NodeProto): FunctionProto | undefined {
  const found = functions.get(keyOf(node.domain, node.opType, node.overload))
  return found?.node.some(inner => subgraphs(inner).length > 0) ? undefined : found
}

function inline(model: Model, call: NodeProto, called: FunctionProto): void {
  const { graph } = model
  const prefix = call.name || call.output[0] || called.name
  graph.remove([call])
  const names = new Map<string, string>([['', '']])
  called.input.forEach((name, i) => {
    names.set(name, call.input[i] ?? '')
  })
  const passed: [string, string][] = []
  called.output.forEach((name, i) => {
    const outer = call.output[i] ?? ''
    if (called.input.includes(name)) passed.push([names.get(name) ?? '', outer])
    else if (outer) names.set(name, outer)
  })
  const rename = (name: string): string => {
    const known = names.get(name)
    if (known !== undefined) return known
    const fresh = graph.freshName(`${prefix}/${name}`)
    names.set(name, fresh)
    return fresh
  }
  for (const inner of called.node) {
    const copy = shallow(inner)
    copy.name = graph.freshName(`${prefix}/${inner.name || inner.opType}`)
    copy.input = inner.input.map(rename)
    copy.output = inner.output.map(rename)
    copy.attribute = inner.attribute.flatMap(a => bound(a, call, called) ?? [])
    graph.add(copy)
  }
  for (const [from, to] of passed) if (to) graph.add(makeNode('Identity', [from], [to]))
  const imported = new Set(model.proto.opsetImport.map(o => normalDomain(o.domain)))
  for (const entry of called.opsetImport)
    if (!imported.has(normalDomain(entry.domain))) model.proto.opsetImport.push(shallow(entry))
}

/** An attribute with what the call, or else the function, gives for the name it refers to; undefined when neither does. */
function bound(a: AttributeProto, call: NodeProto, called: FunctionProto): AttributeProto | undefined {
  if (!a.refAttrName) return a
  const given =
    call.attribute.find(b => b.name === a.refAttrName) ??
    called.attributeProto.find(b => b.name === a.refAttrName)
  if (!given) return undefined
  const copy = shallow(given)
  copy.name = a.name
  return copy
}
