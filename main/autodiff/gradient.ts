/**
 * Reverse-mode differentiation: from a forward graph and a loss to a graph that gives the loss and its gradients. Nodes
 * are visited from the loss back; each passes the gradient of its outputs to its inputs by its operator's rule.
 */
import { create } from '@bufbuild/protobuf'
import type { NodeProto } from 'onnx-buf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { intAttribute, makeNode, makeValue } from '../onnx/build'
import { describeNode } from '../onnx/graph'
import { inferModel, type Types } from '../onnx/infer'
import { type Model, normalDomain } from '../onnx/model'
import { removeDead } from '../onnx/passes/remove-dead'
import { tensorValues } from '../onnx/tensor'
import { Builder, type Value } from '../operators/builder'
import { blockedForward } from '../operators/convolution-gradient'
import type { Site } from '../operators/gradient'
import { composedBatchNormalization } from '../operators/normalization-gradient'
import { toNumbers } from '../runtime/tensor'
import { blockSize } from './block-size'
import { importDomains } from './passes/import-domains'
import { carries, findPath, gradientOf, type Path } from './path'
import { type GradientOptions, gradientName, isBatchNormalization, prepare } from './prepare'

/**
 * A training step without its optimizer. Inputs: those of the model; the weights in `wrt` and, in training form, the
 * running statistics of batch normalization (no longer initializers); the scale of the loss when asked for. Outputs, in
 * this order: the loss, `gradientName(w)` for each of `wrt` in the shape of w, the running statistics after the step in
 * graph order, and what `outputs` asks for. The same call gives the same graph.
 *
 * Throws `unsupported` before anything is built when an operator on the way has no gradient (all of them are named) or
 * a rank is not known, `bad-option` for names that are not there, a loss of more than one element, or a weight the loss
 * does not depend on.
 */
export async function gradientGraph(model: Model, options: GradientOptions): Promise<Model> {
  const { model: copy, running, reasons } = await prepare(model, options)
  const { graph } = copy
  for (const name of [options.loss, ...(options.outputs ?? [])]) requireValue(copy, name)
  graph.proto.output = graph.proto.output.map(v => create(ValueInfoProtoSchema, { name: v.name }))
  const types = await typesOf(copy)
  if (options.scale) addScale(copy, options.scale, types.get(options.loss)?.type ?? 'float32')
  const path = findPath(copy, options.loss, options.wrt, types, reasons)
  const block = options.portable === false ? await blockSize() : 0
  const gradients = new Backward(copy, types, path, options, block).run()
  options.wrt.forEach((name, i) => {
    graph.add(makeNode('Identity', [gradients[i]?.name ?? ''], [gradientName(name)]))
  })
  const wanted = [options.loss, ...options.wrt.map(gradientName), ...running, ...(options.outputs ?? [])]
  graph.proto.output = wanted.map(name => outputValue(name, types, running))
  // Nodes were added where they were needed, forward outputs among them: put all in order, drop what nobody reads.
  graph.sort()
  importDomains(copy)
  return (await removeDead.run(copy)).model
}

function requireValue(model: Model, name: string): void {
  if (model.graph.producer(name) || model.graph.isInput(name)) return
  throw new BantamError('bad-option', `There is no value named ${name} in the model.`, {
    where: name,
    action: 'Choose an output of one of its nodes.',
  })
}

function addScale(model: Model, name: string, type: string): void {
  if (model.graph.freshName(name) !== name)
    throw new BantamError('bad-option', `There is a value named ${name} in the model already.`, {
      where: name,
      action: 'Choose another name for the scale of the loss.',
    })
  model.graph.proto.input.push(makeValue(name, type, []))
}

async function typesOf(model: Model): Promise<Types> {
  const { types, refused } = await inferModel(model)
  if (refused !== null) throw new BantamError('bad-model', refused)
  return types
}

function outputValue(name: string, types: Types, running: readonly string[]) {
  const weight = name.endsWith('/gradient') ? name.slice(0, -'/gradient'.length) : name
  const info = types.get(weight)
  if (!info || running.includes(name)) return makeValue(name, info?.type ?? 'float32', info?.shape ?? null)
  return makeValue(name, info.type, info.shape)
}

class Backward {
  private readonly m: Builder
  /** What each value has received so far. */
  private readonly received = new Map<string, Value[]>()

  constructor(
    private readonly model: Model,
    private readonly types: Types,
    private readonly path: Path,
    private readonly options: GradientOptions,
    block: number,
  ) {
    this.m = new Builder(model.graph, model.opset(), 'grad', block, undefined, options.gpu)
  }

  /** The gradients of `wrt`, in order. */
  run(): Value[] {
    const loss = this.value(this.options.loss)
    if (loss.shape.some(d => d !== 1))
      throw new BantamError('bad-option', `The loss ${loss.name} has more than one element.`, {
        where: `shape [${loss.shape}]`,
        action: 'Reduce it to its mean or sum.',
      })
    this.give(loss.name, this.seed(loss))
    for (const node of [...this.path.nodes].reverse()) this.visit(node)
    this.blockForward()
    if (this.m.gpu) this.composeForward()
    return this.options.wrt.map(name => {
      const gradient = this.take(name)
      return gradient ?? this.m.fullLike(this.value(name), 0)
    })
  }

  /** ∂(scale·loss)/∂loss */
  private seed(loss: Value): Value {
    const { scale } = this.options
    const dims = loss.shape.map(() => 1)
    if (!scale) return this.m.constant(loss.type, dims, [1])
    return this.m.reshape({ name: scale, type: loss.type, shape: [] }, dims)
  }

  private visit(node: NodeProto): void {
    const rule = gradientOf(node)
    if (typeof rule !== 'function' || !node.output.some(name => this.received.has(name))) return
    const needs = node.input.map((name, i) => carries(node, i) && this.path.active.has(name))
    const results = rule(this.site(node, needs))
    if (results.slice(node.input.length).some(result => result))
      throw new BantamError('internal', 'A gradient rule gives more results than the node has inputs.', {
        where: describeNode(node),
      })
    node.input.forEach((name, i) => {
      const result = results[i]
      if (!needs[i]) return
      if (!result)
        throw new BantamError('unsupported', `No gradient flows to input ${i} of ${node.opType}.`, {
          where: describeNode(node),
          action: 'Make that input a constant.',
        })
      this.give(name, this.m.unbroadcast(result, this.value(name)))
    })
  }

  /** Puts convolutions into the form of this processor's own kernels where that is allowed and fits. */
  private blockForward(): void {
    if (this.m.block === 0) return
    const { graph } = this.model
    for (const node of this.path.nodes) {
      if (node.opType !== 'Conv' || normalDomain(node.domain) !== '') continue
      const y = blockedForward(this.site(node, []))
      if (!y) continue
      graph.remove([node])
      graph.add(makeNode('Identity', [y.name], [node.output[0] ?? '']))
    }
  }

  /** Takes batch normalization in training form apart. */
  private composeForward(): void {
    const { graph } = this.model
    for (const node of graph.nodes.filter(n => isBatchNormalization(n) && inTrainingForm(n))) {
      const made = composedBatchNormalization(this.site(node, []))
      graph.remove([node])
      made.forEach((value, i) => {
        if (node.output[i]) graph.add(makeNode('Identity', [value.name], [node.output[i] ?? '']))
      })
    }
  }

  private site(node: NodeProto, needs: readonly boolean[]): Site {
    const grads = new Map<number, Value>()
    const input = (index: number) => this.value(node.input[index] ?? '')
    const output = (index = 0) => this.output(node, index)
    return {
      m: this.m,
      node,
      input,
      output,
      has: index => Boolean(node.input[index]),
      needs: index => needs[index] ?? false,
      constant: index => this.constant(node.input[index] ?? ''),
      grad: (index = 0) => {
        const known = grads.get(index)
        if (known) return known
        const gradient = this.take(node.output[index] ?? '') ?? this.m.fullLike(output(index), 0)
        grads.set(index, gradient)
        return gradient
      },
    }
  }

  /** The value a node gives at `index`; an optional output that nobody asked for yet is asked for now. */
  private output(node: NodeProto, index: number): Value {
    const name = node.output[index]
    if (name) return this.value(name)
    while (node.output.length < index) node.output.push('')
    const fresh = this.model.graph.freshName(`${node.output[0]}/output${index}`)
    this.model.graph.setOutput(node, index, fresh)
    const first = this.value(node.output[0] ?? '')
    const isIndex = node.opType === 'MaxPool'
    return { name: fresh, type: isIndex ? 'int64' : first.type, shape: statisticShape(node, first, isIndex) }
  }

  private constant(name: string): number[] | undefined {
    const tensor = this.model.graph.initializer(name)
    return tensor ? [...toNumbers(tensorValues(tensor, this.model.directory))] : undefined
  }

  private give(name: string, gradient: Value): void {
    const list = this.received.get(name)
    if (list) list.push(gradient)
    else this.received.set(name, [gradient])
  }

  /** The sum of what a value received. */
  private take(name: string): Value | undefined {
    const list = this.received.get(name)
    const [first, second] = list ?? []
    if (!list || !first) return undefined
    this.received.delete(name)
    if (!second) return first
    if (list.length === 2) return this.m.add(first, second)
    return this.m.emit('Sum', list, first.shape)
  }

  private value(name: string): Value {
    const info = this.types.get(name)
    if (info) return info
    const node = this.model.graph.producer(name)
    throw new BantamError('unsupported', `The number of dimensions of ${name} is not known.`, {
      where: node ? describeNode(node) : name,
      action: 'Simplify the model, or give its inputs fixed sizes.',
    })
  }
}

function inTrainingForm(node: NodeProto): boolean {
  return intAttribute(node, 'training_mode', 0) !== 0
}

/** Statistics of LayerNormalization: ones in place of the axes normalized over; MaxPool's indices are shaped as y. */
function statisticShape(node: NodeProto, y: Value, isIndex: boolean): Value['shape'] {
  if (isIndex) return y.shape
  const found = node.attribute.find(a => a.name === 'axis')
  const axis = Number(found?.i ?? -1n)
  const from = axis < 0 ? axis + y.shape.length : axis
  return y.shape.map((d, i) => (i < from ? d : 1))
}
