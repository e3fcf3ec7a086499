/** The branch that an If with a constant condition takes, put in its place. */
import type { GraphProto, NodeProto } from 'onnx-buf'
import { attribute, makeNode } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import { Model, normalDomain } from '../../onnx/model'
import { shallow } from '../../onnx/shallow'
import { tensorValues } from '../../onnx/tensor'
import { subgraphs } from '../../onnx/walk'
import { toNumbers } from '../../runtime/tensor'

/** A copy with every such branch in place; the model itself when there is none. Branches with subgraphs stay. */
export function inlineBranches(model: Model): Model {
  if (!model.graph.nodes.some(node => takenBranch(model, node))) return model
  const copy = copyModel(model)
  for (const node of [...copy.graph.nodes]) {
    const branch = takenBranch(copy, node)
    if (branch) inline(copy, node, branch)
  }
  copy.graph.sort()
  return new Model(copy.proto, copy.directory)
}

function takenBranch(model: Model, node: NodeProto): GraphProto | undefined {
  if (node.opType !== 'If' || normalDomain(node.domain) !== '') return undefined
  const condition = model.graph.initializer(node.input[0] ?? '')
  if (!condition) return undefined
  const [value] = toNumbers(tensorValues(condition, model.directory))
  const branch = attribute(node, value ? 'then_branch' : 'else_branch')?.g
  return branch?.node.some(inner => subgraphs(inner).length > 0) ? undefined : branch
}

function inline(model: Model, node: NodeProto, branch: GraphProto): void {
  const { graph } = model
  graph.remove([node])
  const prefix = node.name || node.output[0] || 'If'
  const names = new Map<string, string>()
  const own = (name: string) => {
    const fresh = graph.freshName(`${prefix}/${name}`)
    names.set(name, fresh)
    return fresh
  }
  const rename = (name: string) => names.get(name) ?? name
  for (const tensor of branch.initializer) {
    const copy = shallow(tensor)
    copy.name = own(tensor.name)
    graph.setInitializer(copy)
  }
  for (const inner of branch.node) for (const name of inner.output) if (name) own(name)
  for (const inner of branch.node) {
    const copy = shallow(inner)
    copy.name = graph.freshName(`${prefix}/${inner.name || inner.opType}`)
    copy.input = inner.input.map(rename)
    copy.output = inner.output.map(rename)
    graph.add(copy)
  }
  branch.output.forEach((value, i) => {
    const to = node.output[i]
    if (to) graph.add(makeNode('Identity', [rename(value.name)], [to]))
  })
}
