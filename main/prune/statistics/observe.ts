/**
 * Graphs that give mean and variance of every channel of chosen values, so that only as many numbers as there are
 * channels leave a run; and, in the graph that is corrected, take statistics and correct by them while they run.
 *
 * With the statistics m̄, v̄ of earlier samples, those of the batch (m, v), and the share w of the batch in all so far:
 *   m̄' = m̄ + w·(m − m̄)
 *   v̄' = (1 − w)·(v̄ + (m̄ − m̄')²) + w·(v + (m − m̄')²)
 * The batch is corrected by m̄', v̄'. At w = 0 these are m̄, v̄: the network is the one that would be written.
 */
import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { makeValue } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import type { Model } from '../../onnx/model'
import { Builder, type Value } from '../../operators/builder'
import { layerValues, type MomentValues } from './correction'
import type { Site } from './sites'

/** What goes in and comes out for the site of that number. */
export const place = (site: number) => ({
  mean: `bantam/statistics/${site}/mean`,
  variance: `bantam/statistics/${site}/variance`,
  pooledMean: `bantam/statistics/${site}/pooled_mean`,
  pooledVariance: `bantam/statistics/${site}/pooled_variance`,
  targetMean: `bantam/statistics/${site}/target_mean`,
  targetVariance: `bantam/statistics/${site}/target_variance`,
})
/** Share of the batch in all samples so far: float32, no dimensions. */
export const SHARE = 'bantam/statistics/share'

/** A site that is corrected. */
export interface Corrected extends Site {
  /** Whether the deviation of a layer is matched too, not its mean alone. */
  scale: boolean
}

/** The model with the moments of each site's value as further outputs, float32 [channels]; null: of none. */
export function observed(source: Model, sites: readonly (Site | null)[]): Model {
  const model = copyModel(source)
  const m = new Builder(model.graph, model.opset(), 'bantam/statistics')
  for (const [i, site] of sites.entries()) {
    if (!site) continue
    const { mean, variance } = moments(m, site, site.value)
    give(model, m, mean, place(i).mean, [site.channels])
    give(model, m, variance, place(i).variance, [site.channels])
  }
  model.graph.sort()
  return model
}

/**
 * The model that takes pooled moments of each site and those wanted of each layer, float32 [channels], and the share; gives each batch's own
 * moments before the correction of the site itself; and is corrected throughout.
 */
export function correcting(source: Model, sites: readonly Corrected[]): Model {
  const model = copyModel(source)
  const { graph } = model
  const m = new Builder(graph, model.opset(), 'bantam/statistics')
  const input = (name: string, shape: number[]): Value => {
    graph.proto.input.push(makeValue(name, 'float32', shape))
    return { name, type: 'float32', shape }
  }
  const share = input(SHARE, [])
  for (const [i, site] of sites.entries()) {
    const at = place(i)
    const raw = site.kind === 'layer' ? renamed(model, site) : site.value
    const own = moments(m, site, raw)
    give(model, m, own.mean, at.mean, [site.channels])
    give(model, m, own.variance, at.variance, [site.channels])
    const pair = (mean: string, variance: string): MomentValues => ({
      mean: input(mean, [site.channels]),
      variance: input(variance, [site.channels]),
    })
    const flat: MomentValues = { mean: flatten(m, own.mean, site), variance: flatten(m, own.variance, site) }
    const pooled = pool(m, pair(at.pooledMean, at.pooledVariance), flat, share)
    if (site.kind === 'normalization') {
      const node = graph.producer(site.node.output[0] ?? '')
      if (!node) continue
      graph.setInput(node, 3, pooled.mean.name)
      graph.setInput(node, 4, pooled.variance.name)
    } else {
      const target = pair(at.targetMean, at.targetVariance)
      const { factor, shift } = layerValues(m, pooled, target, site.scale)
      const value: Value = { name: raw, type: 'float32', shape: [] }
      const scaled = factor ? m.emit('Mul', [value, along(m, factor, site)], []) : value
      const sum = m.emit('Add', [scaled, along(m, shift, site)], [])
      const last = graph.producer(sum.name)
      if (last) graph.setOutput(last, 0, site.value)
    }
  }
  graph.sort()
  return model
}

/** Gives what a node makes another name, so that the value can be made from it. */
function renamed({ graph }: Model, { value }: Site): string {
  const node = graph.producer(value)
  const raw = graph.freshName(`${value}/raw`)
  if (node) graph.setOutput(node, node.output.indexOf(value), raw)
  return raw
}

/** Mean and variance over all but the channels, ones kept: [1, channels, 1], or [1, channels] for the last axis. */
function moments(m: Builder, site: Site, name: string): MomentValues {
  const second = site.axis.at === 'second'
  const shape = second ? ['', site.channels, ''] : ['', site.channels]
  const axes = second ? [0, 2] : [0]
  const dims = m.ints(second ? [0, site.channels, -1] : [-1, site.channels])
  const value = m.emit('Reshape', [{ name, type: 'float32', shape: [] }, dims], shape)
  const mean = m.reduce('ReduceMean', value, axes)
  return { mean, variance: m.reduce('ReduceMean', m.square(m.sub(value, mean)), axes) }
}

function flatten(m: Builder, x: Value, { channels }: Site): Value {
  return m.emit('Reshape', [x, m.ints([channels])], [channels])
}

/** A vector per channel in a shape that lies along the channels of the site's value. */
function along(m: Builder, x: Value, { axis, channels }: Site): Value {
  if (axis.at === 'last') return x
  const shape = [channels, ...Array<number>(Math.max(0, axis.rank - 2)).fill(1)]
  return m.emit('Reshape', [x, m.ints(shape)], shape)
}

function pool(m: Builder, before: MomentValues, now: MomentValues, share: Value): MomentValues {
  const mean = m.add(before.mean, m.mul(share, m.sub(now.mean, before.mean)))
  const part = ({ mean: of, variance }: MomentValues, weight: Value) =>
    m.mul(weight, m.add(variance, m.square(m.sub(of, mean))))
  return { mean, variance: m.add(part(before, m.sub(1, share)), part(now, share)) }
}

function give(model: Model, m: Builder, x: Value, name: string, shape: number[]): void {
  const flat = m.emit('Reshape', [x, m.ints(shape)], shape)
  const node = model.graph.producer(flat.name)
  if (node) model.graph.setOutput(node, 0, name)
  model.graph.proto.output.push(create(ValueInfoProtoSchema, { name }))
}
