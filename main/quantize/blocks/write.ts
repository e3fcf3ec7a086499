/**
 * Writing dense layers with weights of 4 or 8 bits, in one of two forms.
 *
 * `nbits`: com.microsoft MatMulNBits (github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md), with
 *   B            uint8 [N, blocks, group / 2], K running along the nibbles, the first in the low one
 *   scales       float32 [N, blocks]
 *   zero_points  uint8 [N, ceil(blocks / 2)] packed likewise, or float32 [N, blocks]; absent it is 8
 * and with 8 bits one byte per code, zero points of 128 where absent. A Gemm becomes MatMulNBits and Add, its alpha being part of the weights and its beta of a constant bias.
 *
 * `dequantize`: ai.onnx DequantizeLinear (opset 21) of int4 or, with zero points, uint4 codes (int8, uint8) that lie as
 * the weight did; scales and zero points have `blocks` in the place of K. MatMul and Gemm stay as they are.
 */
import type { NodeProto } from 'onnx-buf'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import { floatAttribute, irVersionFor, makeNode } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { makeTensor, tensorDims } from '../../onnx/tensor'
import { importMicrosoft, MICROSOFT } from '../microsoft'
import { nodeId } from '../names'
import { raiseOpset } from '../upgrade'
import { floatValues } from '../weights'
import { type Blocks, codeBlocks } from './blocks'
import { type Bits, middleCode } from './grid'
import type { BlockDecisions } from './options'
import { packCodes, packRows, swapped } from './pack'
import type { DenseLayer } from './select'

/** MatMulNBits' accuracy_level: what activations may be rounded to inside. */
const ACCURACY = { float32: 1n, int8: 4n }

/** Makes the codes of a layer's weights, in the order of the layer, times a factor. */
export type Coder = (
  values: Float32Array,
  layer: DenseLayer,
  factor: number,
  pause?: () => Promise<void>,
) => Promise<Blocks>

export class BlockWriter {
  private readonly stored = new Map<string, string[]>()

  /** @param model is edited; its operator set is raised where the decisions say so */
  constructor(
    private readonly model: Model,
    private readonly decisions: BlockDecisions,
  ) {
    if (model.opset() < decisions.opset) raiseOpset(model, decisions.opset)
  }

  /** Writes every layer, from its weights alone. Throws as `writeLayer`, and `cancelled`. */
  async writeAll(context?: TaskContext): Promise<void> {
    const { layers } = this.decisions
    const pause = context && (() => breathe(context))
    for (const [i, layer] of layers.entries()) {
      context?.progress(i / layers.length, 'Rounding weights')
      await this.writeLayer(layer, (...about) => this.code(...about), pause)
    }
  }

  /** Writes one layer. Throws `internal` when the model does not have it. */
  async writeLayer(layer: DenseLayer, coder: Coder, pause?: () => Promise<void>): Promise<void> {
    const { graph } = this.model
    const node = graph.producer(layer.id)
    if (!node || nodeId(node) !== layer.id) throw missing(layer.id)
    if (this.decisions.form === 'nbits') await this.replace(node, layer, coder, pause)
    else graph.setInput(node, 1, await this.dequantized(node, layer, coder, pause))
  }

  /** Tidies up when all layers are written. */
  finish(): void {
    const { model } = this
    const { graph } = model
    const gone = new Set(graph.removeUnusedInitializers())
    graph.sort()
    graph.proto.valueInfo = graph.proto.valueInfo.filter(v => !gone.has(v.name))
    const ir = BigInt(irVersionFor(model.opset()))
    if (model.proto.irVersion < ir) model.proto.irVersion = ir
  }

  private async replace(
    node: NodeProto,
    layer: DenseLayer,
    coder: Coder,
    pause?: () => Promise<void>,
  ): Promise<void> {
    const { graph } = this.model
    const { group, arithmetic, bits } = this.decisions
    const weights = await this.packed(node, layer, coder, pause)
    const bias = node.opType === 'Gemm' ? this.scaledBias(node) : null
    const output = node.output[0] as string
    const product = bias === null ? output : graph.freshName(`${output}_product`)
    const attributes = {
      K: BigInt(layer.k),
      N: BigInt(layer.n),
      bits: BigInt(bits),
      block_size: BigInt(group),
      accuracy_level: ACCURACY[arithmetic],
    }
    const inputs = [node.input[0] as string, ...weights]
    // In its place: what follows may be run before the next layer is written.
    const next = graph.nodes[graph.nodes.indexOf(node) + 1]
    graph.remove([node])
    const names = { name: node.name, domain: MICROSOFT }
    graph.add(makeNode('MatMulNBits', inputs, [product], attributes, names), next)
    if (bias !== null) {
      const name = graph.freshName(`${output}_bias`)
      graph.add(makeNode('Add', [product, bias], [output], {}, { name }), next)
    }
    importMicrosoft(this.model)
  }

  /** Names of B, the scales and, where they are not all 8, the zero points. */
  private packed(
    node: NodeProto,
    layer: DenseLayer,
    coder: Coder,
    pause?: () => Promise<void>,
  ): Promise<string[]> {
    const weight = node.input[1] as string
    const factor = node.opType === 'Gemm' ? floatAttribute(node, 'alpha', 1) : 1
    return this.once([weight, layer.transposed, factor], async () => {
      const blocks = await coder(this.values(weight), layer, factor, pause)
      const { n, group, count, bits, scales, zeros } = blocks
      const name = (part: string) => this.model.graph.freshName(`${weight}_${part}`)
      const made = [
        makeTensor(name(`int${bits}`), 'uint8', [n, count, (group * bits) / 8], packCodes(blocks)),
        makeTensor(name('scales'), 'float32', [n, count], scales),
      ]
      if (this.decisions.fractional) made.push(makeTensor(name('zero_points'), 'float32', [n, count], zeros))
      else if (!this.decisions.symmetric) {
        const bytes = packRows(zeros, n, count, bits)
        made.push(makeTensor(name('zero_points'), 'uint8', [n, bytes.length / n], bytes))
      }
      for (const tensor of made) this.model.graph.setInitializer(tensor)
      return made.map(tensor => tensor.name)
    })
  }

  /** The name of the value that a DequantizeLinear makes. */
  private async dequantized(
    node: NodeProto,
    layer: DenseLayer,
    coder: Coder,
    pause?: () => Promise<void>,
  ): Promise<string> {
    const weight = node.input[1] as string
    const names = await this.once([weight, layer.transposed], async () => {
      const { graph } = this.model
      const { symmetric, group, bits } = this.decisions
      const { transposed } = layer
      const { k, n, count, codes, scales, zeros } = await coder(this.values(weight), layer, 1, pause)
      const laid = <T extends Float32Array | Uint8Array>(values: T, rows: number): T =>
        transposed ? values : swapped(values, n, rows)
      const dims = (rows: number) => (transposed ? [n, rows] : [rows, n])
      const name = (part: string) => graph.freshName(`${weight}_${part}`)
      const type = codeType(bits, symmetric)
      const offset = symmetric ? middleCode(bits) : 0
      const made = [
        makeTensor(name(type), type, dims(k), asCodes(laid(codes, k), bits, symmetric, offset)),
        makeTensor(name('scales'), 'float32', dims(count), laid(scales, count)),
      ]
      if (!symmetric) {
        made.push(
          makeTensor(name('zero_points'), type, dims(count), asCodes(laid(zeros, count), bits, false, 0)),
        )
      }
      for (const tensor of made) graph.setInitializer(tensor)
      const output = name('dq')
      const attributes = { axis: transposed ? 1n : 0n, block_size: BigInt(group) }
      const inputs = made.map(tensor => tensor.name)
      graph.add(makeNode('DequantizeLinear', inputs, [output], attributes, { name: output }), node)
      return [output]
    })
    return names[0] as string
  }

  /** Layers that share a weight share its codes. */
  private async once(key: unknown[], make: () => Promise<string[]>): Promise<string[]> {
    const text = JSON.stringify(key)
    const names = this.stored.get(text) ?? (await make())
    this.stored.set(text, names)
    return names
  }

  private values(weight: string): Float32Array {
    const tensor = this.model.graph.initializer(weight)
    if (!tensor) throw missing(weight)
    return floatValues(tensor, this.model.directory)
  }

  private code(...[values, layer, factor, pause]: Parameters<Coder>): Promise<Blocks> {
    const { rounding, ...rest } = this.decisions
    if (rounding === 'gptq') throw new BantamError('internal', 'The codes of gptq need samples.')
    return codeBlocks(values, layer, { ...rest, rounding }, factor, pause)
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

function codeType(bits: Bits, symmetric: boolean): 'int4' | 'uint4' | 'int8' | 'uint8' {
  return `${symmetric ? '' : 'u'}int${bits}`
}

function asCodes(
  values: ArrayLike<number>,
  bits: Bits,
  signed: boolean,
  offset: number,
): Int8Array | Uint8Array {
  // Nibbles are packed from signed bytes, of either type.
  return bits === 4 || signed
    ? Int8Array.from(values, value => value - offset)
    : Uint8Array.from(values, value => value - offset)
}
