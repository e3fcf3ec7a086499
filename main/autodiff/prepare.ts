/**
 * The forward graph as training needs it: operator set 17 or later, weights as inputs, batch normalization over the
 * batch, dropout as an input mask. The given model is not changed.
 */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { floatAttribute, intAttribute, makeAttribute, makeNode, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { describeNode } from '../onnx/graph'
import { declaredTypes, inferTypes, type Types } from '../onnx/infer'
import { Model, normalDomain } from '../onnx/model'
import { liftConstants } from '../onnx/passes/lift-constants'
import { constantValues } from '../onnx/passes/pass'
import { dataTypeName, makeTensor, tensorDims } from '../onnx/tensor'
import { opsetObstacles, raiseOpset } from '../quantize/upgrade'
import { inlineBranches } from './expand/branches'
import { expand } from './expand/expand'
import type { Reasons } from './expand/expansion'
import { inlineFunctions } from './expand/functions'
import { aroundModernized } from './modernize'
import { fuseGelu } from './passes/fuse-gelu'
import { sinkTransposes } from './passes/sink-transposes'
import { splitGathers } from './passes/split-gathers'
import { settleShapes } from './settle'

export interface GradientOptions {
  /** The value to differentiate: one float element. */
  loss: string
  /** Inputs or initializers to differentiate it by. */
  wrt: readonly string[]
  /** Shapes of graph inputs, symbolic dimensions as names; those not given are as declared. */
  shapes?: Readonly<Record<string, readonly (number | string)[]>>
  /** False keeps the statistics of batch normalization as they are. True by default. */
  training?: boolean
  /**
   * 'mask' makes every Dropout of a ratio above 0 multiply with an input of x's shape (0 or 1/(1 − ratio)); 'off', the
   * default, drops none.
   */
  dropout?: 'off' | 'mask'
  /** Further values of the forward graph to give out, such as the logits. */
  outputs?: readonly string[]
  /**
   * Name of a scalar float input to add: the loss is multiplied with it before it is differentiated, so that every
   * gradient comes out times it; the loss that is given out is not. Micikevicius et al. 2018, "Mixed Precision Training".
   */
  scale?: string
  /**
   * False lets the graph use operators that only ONNX Runtime's own kernels for this processor have: faster, for the
   * device cpu on this machine. True by default.
   */
  portable?: boolean
  /**
   * True keeps to what ONNX Runtime's providers for GPUs compute: no indices of MaxPool, no batch normalization in
   * training form, no grouped convolution that copies (docs/TRAINING.md, GPU). False by default.
   */
  gpu?: boolean
}

/** Name of the output that holds the gradient of a value. */
export function gradientName(value: string): string {
  return `${value}/gradient`
}

/**
 * Name of the output that holds a running statistic after the step; the statistic before the step comes in as an input
 * under its own name (see `runningStatistics`).
 */
export function runningName(value: string): string {
  return `${value}/running`
}

/**
 * The initializers that hold running means and variances of batch normalization, in graph order: with `training` they
 * are inputs of the gradient graph, and each has an output `runningName`. Those of a model that computes them are not
 * in it. Tied ones (see `untieNormalization`) come once.
 */
export function runningStatistics(model: Model): string[] {
  const { graph } = model
  const names = graph.nodes.filter(isBatchNormalization).flatMap(node => node.input.slice(3, 5))
  return [...new Set(names.map(name => throughIdentity(model, name)))].filter(name => graph.initializer(name))
}

/** Where a value comes from when Identity nodes, as PyTorch puts on tensors that are equal, are passed over. */
export function throughIdentity(model: Model, name: string): string {
  const node = model.graph.producer(name)
  const passes = node?.opType === 'Identity' && normalDomain(node.domain) === ''
  return passes ? throughIdentity(model, node.input[0] ?? '') : name
}

export function isBatchNormalization(node: NodeProto): boolean {
  return node.opType === 'BatchNormalization' && normalDomain(node.domain) === ''
}

/** Name of the input that holds the mask of a Dropout, by the name of its first output. */
export function maskName(value: string): string {
  return `${value}/mask`
}

/** ScatterND adds from 16 on, LayerNormalization is there from 17 on. */
const LOWEST = 17

/**
 * Returns a copy ready to be differentiated, the running statistics it gives out, and why operators were not taken
 * apart. Throws `bad-option` for a name in `wrt` that is neither input nor initializer, `unsupported` when the operator
 * set cannot be raised.
 */
export async function prepare(
  model: Model,
  o: GradientOptions,
): Promise<{ model: Model; running: string[]; reasons: Reasons }> {
  const source = (await liftConstants.run(copyModel(inlineFunctions(model)))).model
  raiseForTraining(source)
  const training = o.training ?? true
  const statistics = training ? runningStatistics(source) : []
  if (training) refuseTied(readStatistics(source))
  for (const name of new Set([...o.wrt, ...statistics])) weightToInput(source, name)
  setShapes(source, o.shapes ?? {})
  // Indexed anew: the weights are no constants any more.
  const settled = await withoutBranches(await settleShapes(new Model(source.proto, source.directory)))
  const keep = [o.loss, ...(o.outputs ?? [])]
  await splitGathers(settled, keep)
  await sinkTransposes(settled, keep)
  if (o.portable === false) fuseGelu(settled, keep)
  const { model: copy, reasons } = await expand(settled, [o.loss], o.wrt)
  const types: Types = o.dropout === 'mask' ? await inferTypes(copy) : new Map()
  const declared = declaredTypes(copy)
  const running: string[] = []
  for (const node of [...copy.graph.nodes]) {
    if (isBatchNormalization(node)) running.push(...normalizeByBatch(copy, node, declared, training))
    if (normalDomain(node.domain) === '' && node.opType === 'Dropout')
      replaceDropout(copy, node, o.dropout ?? 'off', types)
  }
  copy.graph.sort()
  return { model: copy, running, reasons }
}

/** Puts the branches taken in place of Ifs whose conditions are known by now. */
async function withoutBranches(model: Model): Promise<Model> {
  const inlined = inlineBranches(model)
  if (inlined === model) return model
  return settleShapes((await liftConstants.run(inlined)).model)
}

/** Raises the operator set in place to the lowest that gradients are built for. Throws `unsupported` when it cannot be. */
export function raiseForTraining(model: Model): void {
  const from = model.opset()
  if (from >= LOWEST) return
  if (from < 13) aroundModernized(model, () => raiseTo13(model))
  // From 13 to 17 operators gained types and attributes; those of vision and text models kept their meaning.
  for (const entry of model.proto.opsetImport)
    if (normalDomain(entry.domain) === '') entry.version = BigInt(LOWEST)
  if (model.proto.irVersion < 8n) model.proto.irVersion = 8n
}

function raiseTo13(model: Model): void {
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
function normalizeByBatch(model: Model, node: NodeProto, types: Types, training: boolean): string[] {
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
    // ONNX Runtime writes these outputs over the inputs 3 and 4, even where those are fed: it is given a copy.
    const spare = graph.freshName(`${old}/spare`)
    graph.add(makeNode('Neg', [old], [spare]))
    graph.setInput(node, input, spare)
    const running = graph.freshName(runningName(old))
    // Exporters name the outputs of the training form themselves; who reads them still finds them.
    if (asked) graph.add(makeNode('Identity', [running], [asked]))
    blend(model, [old, batch, running], momentum, types.get(old)?.type ?? 'float32')
    return [running]
  })
}

/** Makes batch normalization read its statistics themselves, not through Identity nodes. */
function readStatistics(model: Model): Model {
  for (const node of model.graph.nodes.filter(isBatchNormalization))
    for (const index of [3, 4])
      model.graph.setInput(node, index, throughIdentity(model, node.input[index] ?? ''))
  return model
}

/** One statistic cannot follow two batches at once. */
function refuseTied(model: Model): void {
  const nodes = model.graph.nodes.filter(isBatchNormalization)
  const readers = new Map<string, NodeProto[]>()
  for (const node of nodes)
    for (const name of new Set(node.input.slice(3, 5)))
      readers.set(name, [...(readers.get(name) ?? []), node])
  const tied = [...readers].find(([, list]) => list.length > 1)
  if (tied)
    throw new BantamError('unsupported', `${tied[1].map(describeNode).join(' and ')} share ${tied[0]}.`, {
      where: tied[0],
      action: 'Give each its own statistics (untieNormalization), or train with the statistics frozen.',
    })
}

function without(node: NodeProto, name: string) {
  return node.attribute.filter(a => a.name !== name)
}

/** result = m·old + (1 − m)·batch */
function blend(
  model: Model,
  [old, batch, result]: readonly [string, string, string],
  momentum: number,
  type: string,
): void {
  const { graph } = model
  const constant = (value: number) => {
    const name = graph.freshName('running/momentum')
    graph.setInitializer(makeTensor(name, type as 'float32', [], [value]))
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
  const nothing = mode === 'off' || constantValues(model, node.input[1])?.data[0] === 0
  graph.remove([node])
  if (nothing) {
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
