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
import { type NodeProto, TensorProto_DataType, ValueInfoProtoSchema } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import type { Feeds } from '../../measure/inputs'
import { makeNode, makeValue } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { serialize } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import { editableCopy } from '../copy'
import { type Changed, excessOf } from './excess'
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
 * Runs the feeds both ways, one after the other for as long as `milliseconds` last, the first in any case. Null for a
 * model without a layer of 8-bit products. Memory: what layers read and give in one run. Throws `cancelled` between
 * runs, and what ONNX Runtime throws.
 */
export async function simulateSaturation(
  model: Model,
  feeds: readonly Feeds[],
  { threads, milliseconds }: { threads: number; milliseconds: number },
  context: TaskContext,
): Promise<Simulated | null> {
  const { layers, safe } = saturatingLayers(model)
  if (layers.length === 0 && safe === 0) return null
  const simulation = { session: await openCorrected(model, layers, threads), layers, model }
  try {
    const counts = layers.map(() => ({ saturated: 0, sums: 0 }))
    const exact: Record<string, Tensor>[] = []
    const saturated: Record<string, Tensor>[] = []
    const end = performance.now() + milliseconds
    for (const [i, own] of feeds.entries()) {
      if (i > 0 && performance.now() > end) break
      context.progress(i / feeds.length, 'Simulating processors without VNNI')
      const answers = await simulateRun(simulation, own, context)
      exact.push(answers.exact)
      saturated.push(answers.saturated)
      for (const [at, changed] of answers.changes.entries()) {
        const count = counts[at] as { saturated: number; sums: number }
        count.saturated += changed.saturated
        count.sums += changed.sums
      }
    }
    const shares = layers.map(({ node }, at) => ({
      node: describeNode(node),
      share: (counts[at]?.saturated ?? 0) / Math.max(1, counts[at]?.sums ?? 0),
    }))
    return {
      exact,
      saturated,
      layers: shares.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share),
      safe,
      looked: layers.length + safe,
    }
  } finally {
    await simulation.session.close()
  }
}

interface Simulation {
  session: Session
  layers: readonly SaturatingLayer[]
  model: Model
}

/** Ways through networks are rarely longer in layers that saturate; then the last ones are nearly right. */
const MOST_ROUNDS = 12

/**
 * One run without saturation, then again with what saturation takes from every layer, until that changes no more: after
 * n runs it is right for the first n layers on every way. Usually few layers saturate, and few runs are enough.
 */
async function simulateRun(
  { session, layers, model }: Simulation,
  own: Feeds,
  context: TaskContext,
): Promise<{ exact: Record<string, Tensor>; saturated: Record<string, Tensor>; changes: Changed[] }> {
  const names = model.graph.outputNames
  const fetches = [...new Set([...names, ...layers.map(({ codes }) => codes)])]
  const none: Feeds = Object.fromEntries(layers.map((_, at) => [correction(at), ZERO]))
  let results = await session.run({ ...own, ...none }, fetches)
  const exact = pick(results, names)
  let changes: Changed[] = []
  let read: ArrayLike<number>[] = []
  for (let round = 0; round < MOST_ROUNDS; round++) {
    await breathe(context)
    const codes = layers.map((layer, at) => {
      const found = results[layer.codes] ?? own[layer.codes]
      if (found) return found
      throw new BantamError('internal', 'A layer gave nothing to look at.', { where: correction(at) })
    })
    const numbers = codes.map(eightBits)
    // What reads the same codes as before changes nothing more.
    const next = layers.map((layer, at) => {
      const [before, now] = [changes[at], numbers[at] ?? []]
      return before && same(now, read[at]) ? before : excessOf(layer, now, codes[at]?.dims ?? [])
    })
    const settled = next.every((change, at) => change === changes[at])
    read = numbers
    changes = next
    if (settled || next.every(({ saturated }) => saturated === 0)) break
    const corrections = next.map(({ values, dims, saturated }, at) => {
      const tensor: Tensor = saturated > 0 ? { type: 'float32', dims, data: values } : ZERO
      return [correction(at), tensor] as const
    })
    results = await session.run({ ...own, ...Object.fromEntries(corrections) }, fetches)
  }
  return { exact, saturated: pick(results, names), changes }
}

/** The codes of a tensor as they are. */
function eightBits({ data }: Tensor): ArrayLike<number> {
  if (data instanceof Uint8Array || data instanceof Int8Array) return data
  throw new BantamError('internal', 'Codes are not of 8 bits.')
}

function same(a: ArrayLike<number>, b: ArrayLike<number> | undefined): boolean {
  if (!b || a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function pick(results: Record<string, Tensor>, names: readonly string[]): Record<string, Tensor> {
  return Object.fromEntries(
    names.flatMap(name => {
      const tensor = results[name]
      return tensor ? [[name, tensor] as const] : []
    }),
  )
}

const FLOAT = BigInt(TensorProto_DataType.FLOAT)
const INT32 = BigInt(TensorProto_DataType.INT32)

const ZERO: Tensor = { type: 'float32', dims: [], data: Float32Array.of(0) }

function correction(at: number): string {
  return `bantam_correction_${at}`
}

/**
 * Puts what a MatMulInteger computes into float arithmetic, which saturates nowhere: whole numbers, exact up to 2²⁴, and
 * in sums beyond that as good as float32 is.
 */
function productsInFloat({ graph }: Model, node: NodeProto, products: string): void {
  const [codes = '', weights = '', zero = '', weightZero = ''] = node.input
  const real = (value: string, zeroPoint: string) => {
    const [number, result] = [graph.freshName(`${value}_real`), graph.freshName(`${value}_centred`)]
    graph.add(makeNode('Cast', [value], [number], { to: FLOAT }))
    if (zeroPoint === '') return number
    const centre = graph.freshName(`${zeroPoint}_real`)
    graph.add(makeNode('Cast', [zeroPoint], [centre], { to: FLOAT }))
    graph.add(makeNode('Sub', [number, centre], [result]))
    return result
  }
  graph.remove([node])
  graph.add(makeNode('MatMul', [real(codes, zero), real(weights, weightZero)], [products]))
}

/** The model with a number, or tensor, added to what every layer gives, and the codes that layers read as outputs. */
async function openCorrected(
  model: Model,
  layers: readonly SaturatingLayer[],
  threads: number,
): Promise<Session> {
  const copy = editableCopy(model)
  const { graph } = copy
  const outputs = new Set(graph.outputNames)
  for (const [at, { node, codes, integer }] of layers.entries()) {
    const own = graph.producer(node.output[0] ?? '')
    const output = own?.output[0]
    if (!own || output === undefined) {
      throw new BantamError('internal', 'A layer is not in the copy of its model.', { where: codes })
    }
    const products = graph.freshName(`${output}_products`)
    graph.proto.input.push(makeValue(correction(at), 'float32', null))
    if (integer) {
      const corrected = graph.freshName(`${output}_corrected`)
      productsInFloat(copy, own, products)
      graph.add(makeNode('Add', [products, correction(at)], [corrected]))
      graph.add(makeNode('Cast', [corrected], [output], { to: INT32 }))
    } else {
      graph.setOutput(own, 0, products)
      graph.add(makeNode('Add', [products, correction(at)], [output]))
    }
    if (outputs.has(codes) || graph.isInput(codes)) continue
    graph.proto.output.push(create(ValueInfoProtoSchema, { name: codes }))
    outputs.add(codes)
  }
  graph.sort()
  // Nothing is to be fused into integer kernels: these are what is simulated.
  const config = { 'session.disable_quant_qdq': '1' }
  const options = { threads, optimization: 'basic' as const, config }
  return openSession(serialize(copy), options, model.directory ?? undefined)
}
