/** Corrections put into a model: into the statistics of normalizations, and into weights and biases of layers. */
import type { TensorProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { copyModel } from '../../onnx/copy'
import type { Model } from '../../onnx/model'
import { type Linear, linearEndingAt } from '../../onnx/passes/fold-batchnorm'
import { constantValues } from '../../onnx/passes/pass'
import { makeTensor, tensorDims } from '../../onnx/tensor'
import { toNumbers } from '../../runtime/tensor'
import type { Moments } from './correction'
import type { Site } from './sites'

export type Change =
  | { site: Site; kind: 'normalization'; moments: Moments }
  | { site: Site; kind: 'layer'; factor: Float64Array; shift: Float64Array }

/** A copy with the changes. The sites are those of the model given. Names of weights and values stay. */
export function withChanges(source: Model, changes: readonly Change[]): Model {
  const model = copyModel(source)
  for (const change of changes) {
    if (change.kind === 'normalization') setStatistics(model, change.site, change.moments)
    else setLayer(model, change)
  }
  model.graph.removeUnusedInitializers()
  return model
}

/** True where the scale of a layer can be set: nothing else reads its weight. */
export function mayScale(model: Model, site: Site): boolean {
  return model.graph.uses(linearOf(model, site).weight.name).length === 1
}

function linearOf(model: Model, { value, channels }: Site): Linear {
  const node = model.graph.producer(value)
  const linear = node ? linearEndingAt(model, node, channels) : null
  if (linear === null || typeof linear === 'string')
    throw new BantamError('internal', `The layer that gives ${value} is gone.`)
  return linear
}

function setStatistics(model: Model, site: Site, { mean, variance }: Moments): void {
  const node = model.graph.producer(site.node.output[0] ?? '')
  if (!node) throw new BantamError('internal', `The normalization of ${site.value} is gone.`)
  for (const [index, values] of [
    [3, mean],
    [4, variance],
  ] as const) {
    const name = ownName(model, node.input[index] ?? '')
    model.graph.setInitializer(makeTensor(name, 'float32', [values.length], Float32Array.from(values)))
    model.graph.setInput(node, index, name)
  }
}

function setLayer(model: Model, { site, factor, shift }: Extract<Change, { kind: 'layer' }>): void {
  const { graph } = model
  const linear = linearOf(model, site)
  const { node, bias, biasScale, between } = linear
  const old = (i: number) => (bias ? Number(bias.data[bias.data.length === 1 ? 0 : i]) * biasScale : 0)
  const values = Float32Array.from(shift, (s, i) => s + (factor[i] ?? 1) * old(i))
  if (factor.some(f => f !== 1)) graph.setInitializer(scaledWeight(model, linear, factor))
  const reader = between[0] ?? node
  const known = node.opType === 'MatMul' ? reader.input.find(name => graph.initializer(name)) : node.input[2]
  const biasName = bias && known ? ownName(model, known) : graph.freshName(`${site.value}/bias`)
  graph.setInitializer(makeTensor(biasName, 'float32', [values.length], values))
  graph.remove(between)
  if (node.opType === 'MatMul' && between.length === 0)
    graph.setOutput(node, 0, graph.freshName(`${site.value}/product`))
  linear.put(linear.weight.name, biasName, site.value)
}

function scaledWeight(model: Model, { weight }: Linear, factor: Float64Array): TensorProto {
  const tensor = model.graph.initializer(weight.name)
  const values = constantValues(model, weight.name)
  if (!tensor || !values) throw new BantamError('internal', `The weight ${weight.name} is gone.`)
  const scaled = Float32Array.from(toNumbers(values), (w, i) => w * (factor[weight.channel(i)] ?? 1))
  return makeTensor(weight.name, 'float32', tensorDims(tensor), scaled)
}

/** The name itself where one node alone reads it, else one of its own. */
function ownName({ graph }: Model, name: string): string {
  return graph.uses(name).length === 1 && !graph.isOutput(name) ? name : graph.freshName(name)
}
