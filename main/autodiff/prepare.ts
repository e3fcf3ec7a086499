/**
 * The forward graph as training needs it: operator set 17 or later, weights as inputs, batch normalization over the
 * batch, dropout as an input mask. The given model is not changed.
 */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { floatAttribute, intAttribute, makeAttribute, makeNode, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { inferTypes, type Types } from '../onnx/infer'
import { Model, normalDomain } from '../onnx/model'
import { liftConstants } from '../onnx/passes/lift-constants'
import { dataTypeName, makeTensor, tensorDims } from '../onnx/tensor'
import { opsetObstacles, raiseOpset } from '../quantize/upgrade'

export interface GradientOptions {
  /** The value to differentiate: one float element. */
  loss: string
  /** Inputs or initializers to differentiate it by. */
  wrt: readonly string[]
  /** Shapes of graph inputs, symbolic dimensions as names; those not given are as declared. */
  shapes?: Readonly<Record<string, readonly (number | string)[]>>
  /** False keeps the statistics of batch normalization as they are. True by default. */
  training?: boolean
  /** 'mask' makes every Dropout multiply with an input of x's shape (0 or 1/(1 − ratio)); 'off', the default, drops none. */
  dropout?: 'off' | 'mask'
  /** Further values of the forward graph to give out, such as the logits. */
  outputs?: readonly string[]
}

/** Name of the output that holds the gradient of a value. */
export function gradientName(value: string): string {
  return `${value}/gradient`
}

/** Name of the output that holds the running statistic that takes the place of an initializer after the step. */
export function runningName(value: string): string {
  return `${value}/running`
}

/** Name of the input that holds the mask of a Dropout, by the name of its first output. */
export function maskName(value: string): string {
  return `${value}/mask`
}

/** ScatterND adds from 16 on, LayerNormalization is there from 17 on. */
const LOWEST = 17

/**
 * Returns a copy ready to be differentiated, and the running statistics it gives out. Throws `bad-option` for a name
 * in `wrt` that is neither input nor initializer, `unsupported` when the operator set cannot be raised.
 */
export async function prepare(
  model: Model,
  o: GradientOptions,
): Promise<{ model: Model; running: string[] }> {
  const lifted = (await liftConstants.run(copyModel(model))).model
  const source = lifted === model ? copyModel(model) : lifted
  raiseForTraining(source)
  o.wrt.forEach(name => {
    weightToInput(source, name)
  })
  setShapes(source, o.shapes ?? {})
  // Indexed anew: the weights are no constants any more.
  const copy = new Model(source.proto, source.directory)
  const types: Types = o.dropout === 'mask' ? await inferTypes(copy) : new Map()
  const running: string[] = []
  for (const node of [...copy.graph.nodes]) {
    if (normalDomain(node.domain) !== '') continue
    if (node.opType === 'BatchNormalization')
      running.push(...normalizeByBatch(copy, node, o.training ?? true))
    if (node.opType === 'Dropout') replaceDropout(copy, node, o.dropout ?? 'off', types)
  }
  copy.graph.sort()
  return { model: copy, running }
}

/** Raises the operator set in place to the lowest that gradients are built for. Throws `unsupported` when it cannot be. */
export function raiseForTraining(model: Model): void {
  const from = model.opset()
  if (from >= LOWEST) return
  if (from < 13) {
    const reasons = opsetObstacles(model, 13)
    if (reasons.length > 0)
      throw new BantamError(
        'unsupported',
        `The model cannot be raised to operator set ${LOWEST}: ${reasons.join('; ')}.`,
        {
          action: 'Export it again with a newer operator set.',
        },
      )
    raiseOpset(model, 13)
  }
  // From 13 to 17 operators gained types and attributes; those of vision and text models kept their meaning.
  for (const entry of model.proto.opsetImport)
    if (normalDomain(entry.domain) === '') entry.version = BigInt(LOWEST)
  if (model.proto.irVersion < 8n) model.proto.irVersion = 8n
}

function weightToInput(model: Model, name: string): void {
  const { graph } = model
  const tensor = graph.initializer(name)
  if (!tensor) {
    if (graph.isInput(name)) return
    throw new BantamError('bad-option', `There is no weight or input named ${name}.`, {
      where: name,
      action: 'Choose among the initializers and inputs of the model.',
    })
  }
  graph.proto.initializer = graph.proto.initializer.filter(t => t !== tensor)
  graph.proto.input = graph.proto.input.filter(v => v.name !== name)
  graph.proto.input.push(makeValue(name, dataTypeName(tensor.dataType), tensorDims(tensor)))
}

/** Gives inputs their shapes; what was declared of other values may not hold with them. */
function setShapes(model: Model, shapes: NonNullable<GradientOptions['shapes']>): void {
  const { proto } = model.graph
  proto.input = proto.input.map(value => {
    const shape = shapes[value.name]
    const type = value.type?.value
    if (!shape || type?.case !== 'tensorType') return value
    return makeValue(value.name, dataTypeName(type.value.elemType), shape)
  })
  proto.valueInfo = []
}

/**
 * Normalizes by the batch: with momentum 0 the node's further outputs are the statistics of the batch themselves, which
 * the gradient needs; the running ones follow as m·old + (1 − m)·batch. Returns the outputs added.
 */
function normalizeByBatch(model: Model, node: NodeProto, training: boolean): string[] {
  const { graph } = model
  const was = intAttribute(node, 'training_mode', 0) !== 0
  if (!training) {
    if (was) node.attribute = [...without(node, 'training_mode'), makeAttribute('training_mode', 0n)]
    return []
  }
  const momentum = floatAttribute(node, 'momentum', 0.9)
  node.attribute = [
    ...node.attribute.filter(a => a.name !== 'training_mode' && a.name !== 'momentum'),
    makeAttribute('training_mode', 1n),
    makeAttribute('momentum', 0),
  ]
  return [3, 4].flatMap((input, i) => {
    const old = node.input[input] ?? ''
    const asked = node.output[i + 1]
    const batch = graph.freshName(`${old}/batch`)
    graph.setOutput(node, i + 1, batch)
    const running = asked || graph.freshName(runningName(old))
    blend(model, old, batch, momentum, running)
    return [running]
  })
}

function without(node: NodeProto, name: string) {
  return node.attribute.filter(a => a.name !== name)
}

/** result = m·old + (1 − m)·batch */
function blend(model: Model, old: string, batch: string, momentum: number, result: string): void {
  const { graph } = model
  const type = graph.initializer(old)?.dataType ?? 1
  const constant = (value: number) => {
    const name = graph.freshName('running/momentum')
    graph.setInitializer(makeTensor(name, dataTypeName(type) as 'float32', [], [value]))
    return name
  }
  const kept = graph.freshName(`${old}/kept`)
  const taken = graph.freshName(`${batch}/taken`)
  graph.add(makeNode('Mul', [old, constant(momentum)], [kept]))
  graph.add(makeNode('Mul', [batch, constant(1 - momentum)], [taken]))
  graph.add(makeNode('Add', [kept, taken], [result]))
}

function replaceDropout(model: Model, node: NodeProto, mode: 'off' | 'mask', types: Types): void {
  const { graph } = model
  const [x = '', output = ''] = [node.input[0], node.output[0]]
  if (node.output[1] && graph.uses(node.output[1]).length > 0)
    throw new BantamError('unsupported', 'The mask of a Dropout is read by another node.', {
      where: node.name,
    })
  graph.remove([node])
  if (mode === 'off') {
    graph.add(makeNode('Identity', [x], [output], {}, { name: node.name }))
    return
  }
  const mask = maskName(output)
  const info = types.get(x)
  if (!info)
    throw new BantamError('unsupported', `The number of dimensions of ${x} is not known.`, {
      where: node.name,
    })
  graph.proto.input.push(makeValue(mask, info.type, info.shape))
  graph.add(makeNode('Mul', [x, mask], [output], {}, { name: node.name }))
}
