/**
 * Writing dense layers with 4-bit weights, in one of two forms.
 *
 * `nbits`: com.microsoft MatMulNBits (github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md), with
 *   B            uint8 [N, blocks, group / 2], K running along the nibbles, the first in the low one
 *   scales       float32 [N, blocks]
 *   zero_points  uint8 [N, ceil(blocks / 2)] packed likewise, or float32 [N, blocks]; absent it is 8
 * A Gemm becomes MatMulNBits and Add, its alpha being part of the weights and its beta of a constant bias.
 *
 * `dequantize`: ai.onnx DequantizeLinear (opset 21) of int4 or, with zero points, uint4 codes that lie as the weight
 * did; scales and zero points have `blocks` in the place of K. MatMul and Gemm stay as they are.
 */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { floatAttribute, irVersionFor, makeNode } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims } from '../onnx/tensor'
import { type Blocks, codeBlocks } from './int4-blocks'
import type { Int4Decisions } from './int4-options'
import type { DenseLayer } from './int4-select'
import { nodeId } from './names'
import { raiseOpset } from './upgrade'
import { floatValues } from './weights'

const MICROSOFT = 'com.microsoft'
const MIDDLE = 8
/** MatMulNBits' accuracy_level: what activations may be rounded to inside. */
const ACCURACY = { float32: 1n, int8: 4n }

export class Int4Writer {
  private readonly stored = new Map<string, string[]>()

  /** @param model is edited */
  constructor(
    private readonly model: Model,
    private readonly decisions: Int4Decisions,
  ) {}

  /** Writes every layer. Throws `internal` when the plan names what the model does not have, and `cancelled`. */
  async write(context?: TaskContext): Promise<void> {
    const { model, decisions } = this
    const { graph } = model
    if (model.opset() < decisions.opset) raiseOpset(model, decisions.opset)
    const byId = new Map(graph.nodes.map(node => [nodeId(node), node]))
    const pause = context && (() => breathe(context))
    for (const [i, layer] of decisions.layers.entries()) {
      context?.progress(i / decisions.layers.length, 'Rounding weights')
      const node = byId.get(layer.id)
      if (!node) throw missing(layer.id)
      if (decisions.form === 'nbits') await this.replace(node, layer, pause)
      else graph.setInput(node, 1, (await this.dequantized(layer, pause))[0] as string)
    }
    const gone = new Set(graph.removeUnusedInitializers())
    graph.sort()
    graph.proto.valueInfo = graph.proto.valueInfo.filter(v => !gone.has(v.name))
    const ir = BigInt(irVersionFor(model.opset()))
    if (model.proto.irVersion < ir) model.proto.irVersion = ir
  }

  private async replace(node: NodeProto, layer: DenseLayer, pause?: () => Promise<void>): Promise<void> {
    const { graph } = this.model
    const { group, arithmetic } = this.decisions
    const weights = await this.packed(
      layer,
      node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1,
      pause,
    )
    const bias = node.opType === 'Gemm' ? this.scaledBias(node) : null
    const output = node.output[0] as string
    const product = bias === null ? output : graph.freshName(`${output}_product`)
    const attributes = {
      K: BigInt(layer.k),
      N: BigInt(layer.n),
      bits: 4n,
      block_size: BigInt(group),
      accuracy_level: ACCURACY[arithmetic],
    }
    const inputs = [node.input[0] as string, ...weights]
    graph.remove([node])
    graph.add(makeNode('MatMulNBits', inputs, [product], attributes, { name: node.name, domain: MICROSOFT }))
    if (bias !== null) {
      graph.add(makeNode('Add', [product, bias], [output], {}, { name: graph.freshName(`${output}_bias`) }))
    }
    if (this.model.opset(MICROSOFT) > 0) return
    const [first] = this.model.proto.opsetImport
    if (first) this.model.proto.opsetImport.push({ ...first, domain: MICROSOFT, version: 1n })
  }

  /** Names of B, the scales and, where they are not all 8, the zero points. */
  private packed(layer: DenseLayer, factor: number, pause?: () => Promise<void>): Promise<string[]> {
    return this.once([layer.weight, layer.transposed, factor], async () => {
      const blocks = await this.code(layer, factor, pause)
      const { n, group, count, scales, zeros } = blocks
      const name = (part: string) => this.model.graph.freshName(`${layer.weight}_${part}`)
      const made = [
        makeTensor(name('int4'), 'uint8', [n, count, group / 2], packCodes(blocks)),
        makeTensor(name('scales'), 'float32', [n, count], scales),
      ]
      if (this.decisions.fractional) made.push(makeTensor(name('zero_points'), 'float32', [n, count], zeros))
      else if (!this.decisions.symmetric) {
        const bytes = packRows(zeros, n, count)
        made.push(makeTensor(name('zero_points'), 'uint8', [n, Math.ceil(count / 2)], bytes))
      }
      for (const tensor of made) this.model.graph.setInitializer(tensor)
      return made.map(tensor => tensor.name)
    })
  }

  /** The name of the value that a DequantizeLinear makes. */
  private dequantized(layer: DenseLayer, pause?: () => Promise<void>): Promise<string[]> {
    return this.once([layer.weight, layer.transposed], async () => {
      const { graph } = this.model
      const { symmetric, group } = this.decisions
      const { transposed } = layer
      const { k, n, count, codes, scales, zeros } = await this.code(layer, 1, pause)
      const laid = <T extends Float32Array | Uint8Array>(values: T, rows: number): T =>
        transposed ? values : swapped(values, n, rows)
      const dims = (rows: number) => (transposed ? [n, rows] : [rows, n])
      const name = (part: string) => graph.freshName(`${layer.weight}_${part}`)
      const type = symmetric ? 'int4' : 'uint4'
      const offset = symmetric ? MIDDLE : 0
      const made = [
        makeTensor(
          name(type),
          type,
          dims(k),
          Int8Array.from(laid(codes, k), code => code - offset),
        ),
        makeTensor(name('scales'), 'float32', dims(count), laid(scales, count)),
      ]
      if (!symmetric) {
        made.push(makeTensor(name('zero_points'), type, dims(count), Int8Array.from(laid(zeros, count))))
      }
      for (const tensor of made) graph.setInitializer(tensor)
      const output = name('dq')
      const attributes = { axis: transposed ? 1n : 0n, block_size: BigInt(group) }
      const inputs = made.map(tensor => tensor.name)
      graph.add(makeNode('DequantizeLinear', inputs, [output], attributes, { name: output }))
      return [output]
    })
  }

  /** Layers that share a weight share its codes. */
  private async once(key: unknown[], make: () => Promise<string[]>): Promise<string[]> {
    const text = JSON.stringify(key)
    const names = this.stored.get(text) ?? (await make())
    this.stored.set(text, names)
    return names
  }

  private code(layer: DenseLayer, factor: number, pause?: () => Promise<void>): Promise<Blocks> {
    const tensor = this.model.graph.initializer(layer.weight)
    if (!tensor) throw missing(layer.weight)
    return codeBlocks(floatValues(tensor, this.model.directory), layer, this.decisions, factor, pause)
  }

  /** beta·C of a Gemm; null where there is none. */
  private scaledBias(node: NodeProto): string | null {
    const { graph, directory } = this.model
    const name = node.input[2] ?? ''
    const beta = floatAttribute(node, 'beta', 1)
    if (name === '' || beta === 0) return null
    if (beta === 1) return name
    const tensor = graph.initializer(name)
    if (!tensor) throw missing(name)
    const scaled = floatValues(tensor, directory).map(value => value * beta)
    const made = makeTensor(graph.freshName(`${name}_scaled`), 'float32', tensorDims(tensor), scaled)
    graph.setInitializer(made)
    return made.name
  }
}

function missing(where: string): BantamError {
  return new BantamError('internal', 'The plan names what the model does not have.', { where })
}

/** [N, blocks, group / 2]; the last block is filled up with its zero point, which stands for 0. */
function packCodes({ k, n, group, count, codes, zeros }: Blocks): Uint8Array {
  const width = count * group
  const row = new Float32Array(width)
  const packed = new Uint8Array((n * width) / 2)
  for (let j = 0; j < n; j++) {
    row.set(codes.subarray(j * k, (j + 1) * k))
    row.fill(Math.min(15, Math.max(0, Math.round(zeros[(j + 1) * count - 1] as number))), k)
    packed.set(packRows(row, 1, width), (j * width) / 2)
  }
  return packed
}

/** Rows of whole numbers 0…15 as nibbles, the first in the low one; every row begins a byte. */
function packRows(values: Float32Array, rows: number, columns: number): Uint8Array {
  const width = Math.ceil(columns / 2)
  const packed = new Uint8Array(rows * width)
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const at = r * width + (c >> 1)
      packed[at] = (packed[at] as number) | ((values[r * columns + c] as number) << ((c & 1) * 4))
    }
  }
  return packed
}

/** [N, rows] → [rows, N] */
function swapped<T extends Float32Array | Uint8Array>(values: T, n: number, rows: number): T {
  const out = values.slice() as T
  for (let j = 0; j < n; j++) for (let i = 0; i < rows; i++) out[i * n + j] = values[j * rows + i] as number
  return out
}
