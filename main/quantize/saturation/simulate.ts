/**
 * How a quantized model answers on processors that keep sums of two 8-bit products in 16 bits, and on those that do not.
 *
 * On x86 without VNNI, ONNX Runtime multiplies unsigned activations with signed weights by VPMADDUBSW, which saturates
 * (onnxruntime.ai/docs/performance/model-optimizations/quantization.html, "When to use reduce-range"). Here the model is
 * run with the rounding of its codes but products in float, layer after layer; what saturation takes from a layer's sums
 * is found from the codes it reads and added to what it gives, so that the layers behind see it too. The result does not
 * depend on the processor at hand.
 */
import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import type { Feeds } from '../../measure/inputs'
import { makeNode, makeValue } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { serialize } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import { type Tensor, toNumbers } from '../../runtime/tensor'
import { editableCopy } from '../copy'
import { type Changed, convolutionExcess, denseExcess } from './excess'
import { type SaturatingLayer, saturatingLayers } from './layers'

export interface LayerSaturation {
  /** As `describeNode` calls it. */
  node: string
  /** Share of the sums of pairs that saturate. */
  share: number
}

export interface Simulated {
  /** Answers for each entry of the feeds, with 32-bit sums and with saturating ones. */
  exact: Record<string, Tensor>[]
  saturated: Record<string, Tensor>[]
  /** Layers in which a sum saturated, the most first. */
  layers: LayerSaturation[]
  /** Layers whose weights cannot saturate whatever they read, and layers that were looked at. */
  safe: number
  looked: number
}

/**
 * Runs the feeds both ways. Null for a model without a layer of 8-bit products. Memory: the values of one run. Throws
 * `cancelled` between runs, and what ONNX Runtime throws.
 */
export async function simulateSaturation(
  model: Model,
  feeds: readonly Feeds[],
  threads: number,
  context: TaskContext,
): Promise<Simulated | null> {
  const { layers, safe } = saturatingLayers(model)
  if (layers.length === 0 && safe === 0) return null
  const names = model.graph.outputNames
  const { session, products } = await openCorrected(model, layers, threads)
  try {
    const counts = layers.map(() => ({ saturated: 0, sums: 0 }))
    const [exact, saturated]: Record<string, Tensor>[][] = [[], []]
    for (const [i, own] of feeds.entries()) {
      const corrections: Feeds = Object.fromEntries(layers.map((_, at) => [correction(at), ZERO]))
      exact?.push(await session.run({ ...own, ...corrections }, names))
      for (const [at, layer] of layers.entries()) {
        await breathe(context)
        context.progress((i + at / layers.length) / feeds.length, 'Simulating processors without VNNI')
        const run = { session, layer, products: products[at] ?? '' }
        const { changed, dims } = await changeOf(run, { ...own, ...corrections })
        const count = counts[at] as { saturated: number; sums: number }
        count.saturated += changed.saturated
        count.sums += changed.sums
        if (changed.saturated > 0) {
          corrections[correction(at)] = { type: 'float32', dims: [...dims], data: changed.values }
        }
      }
      saturated?.push(await session.run({ ...own, ...corrections }, names))
    }
    const shares = layers.map(({ node }, at) => ({
      node: describeNode(node),
      share: (counts[at]?.saturated ?? 0) / Math.max(1, counts[at]?.sums ?? 0),
    }))
    return {
      exact: exact ?? [],
      saturated: saturated ?? [],
      layers: shares.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share),
      safe,
      looked: layers.length + safe,
    }
  } finally {
    await session.close()
  }
}

const ZERO: Tensor = { type: 'float32', dims: [], data: Float32Array.of(0) }

function correction(at: number): string {
  return `bantam_correction_${at}`
}

/** The model with a number, or tensor, added to what every layer gives, and the codes that layers read as outputs. */
async function openCorrected(
  model: Model,
  layers: readonly SaturatingLayer[],
  threads: number,
): Promise<{ session: Session; products: string[] }> {
  const copy = editableCopy(model)
  const { graph } = copy
  const outputs = new Set(graph.outputNames)
  const made: string[] = []
  for (const [at, { node, codes }] of layers.entries()) {
    const own = graph.producer(node.output[0] ?? '')
    const output = own?.output[0]
    if (!own || output === undefined) {
      throw new BantamError('internal', 'A layer is not in the copy of its model.', { where: codes })
    }
    const products = graph.freshName(`${output}_products`)
    made.push(products)
    graph.setOutput(own, 0, products)
    graph.proto.input.push(makeValue(correction(at), 'float32', null))
    graph.add(makeNode('Add', [products, correction(at)], [output], {}, { name: `${products}_corrected` }))
    for (const name of [codes, products]) {
      if (outputs.has(name) || graph.isInput(name)) continue
      graph.proto.output.push(create(ValueInfoProtoSchema, { name }))
      outputs.add(name)
    }
  }
  graph.sort()
  // Nothing is to be fused into integer kernels: these are what is simulated.
  const config = { 'session.disable_quant_qdq': '1' }
  const options = { threads, optimization: 'basic' as const, config }
  return {
    session: await openSession(serialize(copy), options, model.directory ?? undefined),
    products: made,
  }
}

async function changeOf(
  { session, layer, products }: { session: Session; layer: SaturatingLayer; products: string },
  feeds: Feeds,
): Promise<{ changed: Changed; dims: readonly number[] }> {
  const { codes: name, window } = layer
  const results = await session.run(feeds, [name, products])
  const [codes, result] = [results[name] ?? feeds[name], results[products]]
  if (!codes || !result) {
    throw new BantamError('internal', 'A layer gave nothing to look at.', { where: products })
  }
  const numbers = toNumbers(codes)
  const changed = window
    ? convolutionExcess(layer, window, numbers, codes.dims, result.dims)
    : denseExcess(layer, numbers)
  return { changed, dims: result.dims }
}
